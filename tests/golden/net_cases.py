"""Whole nets: outputs, losses per image, gradients, and running statistics after one training step."""

import torch
import torch.nn.functional as F
from torch import nn

import hashed
from nets import AlexNet, ContextEncoder, FormedResNet, ResNet, RotationNet, WideResNet
from record import Record

# The centre's fill, ImageNet's mean, in [-1, 1], channels in the order of the published code.
FILL = [2 * 117 / 255 - 1, 2 * 104 / 255 - 1, 2 * 123 / 255 - 1]


def weights(net: nn.Module, *names: str) -> dict[str, torch.Tensor]:
    parameters = dict(net.named_parameters())
    return {name: parameters[name] for name in names}


def running_statistics(record: Record, key: str, net: nn.Module) -> None:
    for name, value in net.named_buffers():
        if value.is_floating_point():
            record.add(f"{key}.{name}", value)


def classification(record: Record, key: str, net: nn.Module, images, targets, watched, leaf=None) -> None:
    """Features, logits, cross-entropy per image, and the gradients of its mean wrt the image and weights."""
    features, logits = net(images)
    losses = F.cross_entropy(logits, targets, reduction="none")
    record.add(f"{key}.features", features)
    record.add(f"{key}.logits", logits)
    record.add(f"{key}.loss", losses)
    wanted = {"image": images if leaf is None else leaf} | weights(net, *watched)
    record.gradients(key, losses.mean(), wanted)


BOTH = [("eval", 2), ("train", 4)]


def classifier(subject: str, make, classes: int, watched, dtype: torch.dtype, passes=BOTH, size: int = 32) -> Record:
    """`eval` on images 0 and 1, `train` on images 0 to 3, unless the pass names others' images."""
    record = Record(subject)
    for key, count, *others in passes:
        net = hashed.fill(subject, make(), dtype).train(key == "train")
        images = hashed.image(f"{others[0] if others else subject}/image", count, 3, size, size)
        images = images.to(dtype).requires_grad_()
        classification(record, key, net, images, hashed.labels(count, classes), watched)
        if key == "train":
            running_statistics(record, key, net)
    return record


def resnet20(dtype: torch.dtype) -> Record:
    watched = ["conv1.weight", "bn1.weight", "bn1.bias", "layer2.0.conv1.weight", "linear.weight", "linear.bias"]
    return classifier("resnet20", lambda: ResNet(20), 10, watched, dtype)


def wrn_10_2(dtype: torch.dtype) -> Record:
    watched = ["conv1.weight", "block1.layer.0.bn1.weight", "block1.layer.0.bn1.bias"]
    watched += ["block2.layer.0.conv1.weight", "block2.layer.0.convShortcut.weight", "fc.weight", "fc.bias"]
    return classifier("wrn-10-2", lambda: WideResNet(10, 2), 10, watched, dtype)


def wrn_16_1(dtype: torch.dtype) -> Record:
    """Two blocks a stage and no widening: the identity shortcuts that wrn-10-2 lacks."""
    watched = ["conv1.weight", "block1.layer.0.conv1.weight", "block2.layer.1.conv2.weight", "fc.weight"]
    return classifier("wrn-16-1", lambda: WideResNet(16, 1), 10, watched, dtype)


def rotation(dtype: torch.dtype) -> Record:
    """Width 24. `task`: both images in four rotations, rotation-major, gradient wrt the upright images."""
    first, middle = "_feature_blocks.0.Block1_ConvB1.layers", "_feature_blocks.2.Block3_ConvB1.layers"
    watched = [f"{first}.Conv.weight", f"{first}.BatchNorm.weight", f"{first}.BatchNorm.bias"]
    watched += [f"{middle}.Conv.weight", "_feature_blocks.4.Classifier.weight", "_feature_blocks.4.Classifier.bias"]
    # With these images no activation in training is closer to zero than 3e-5, where rounding would decide whether a
    # gradient passes.
    passes = [("eval", 2), ("train", 2, "rotation 5")]
    record = classifier("rotation", lambda: RotationNet(24), 4, watched, dtype, passes)
    net = hashed.fill("rotation", RotationNet(24), dtype).eval()
    images = hashed.image("rotation/image", 2, 3, 32, 32).to(dtype).requires_grad_()
    rotated = torch.cat([torch.rot90(images, k, (2, 3)) for k in range(4)])
    classification(record, "task", net, rotated, torch.arange(4).repeat_interleave(2), [], leaf=images)
    return record


# The ResNets that are held in evaluation mode alone: blocks of each stage, width, and whether they are bottlenecks.
FORMED = {
    "resnet14x8-projection": ("projection", [2, 2, 2], 8, False),
    "resnet18x4": ("cifar", [2, 2, 2, 2], 4, False),
    "resnet34x2": ("cifar", [3, 4, 6, 3], 2, False),
    "resnet50x2": ("cifar", [3, 4, 6, 3], 2, True),
    "resnet18x4-imagenet": ("imagenet", [2, 2, 2, 2], 4, False),
    "resnet50x2-imagenet": ("imagenet", [3, 4, 6, 3], 2, True),
    "preact-resnet18x4": ("preact", [2, 2, 2, 2], 4, False),
    "preact-resnet18x4-normalised": ("normalised", [2, 2, 2, 2], 4, False),
    "preact-resnet18x4-plain": ("plain", [2, 2, 2, 2], 4, False),
    "preact-resnet18x4-plain-normalised": ("plain normalised", [2, 2, 2, 2], 4, False),
}


def formed(subject: str, dtype: torch.dtype) -> Record:
    form, blocks, width, bottleneck = FORMED[subject]
    size = 64 if form == "imagenet" else 32
    make = lambda: FormedResNet(form, blocks, width, bottleneck)
    return classifier(subject, make, 10, [], dtype, passes=[("eval", 2)], size=size)


def alexnet(dtype: torch.dtype) -> Record:
    """Width 4, 16 units in the linear layers, pictures of 224x224."""
    return classifier("alexnet", lambda: AlexNet(4, 16), 4, [], dtype, passes=[("eval", 2)], size=224)


def context_encoder(size: int, dtype: torch.dtype) -> Record:
    """Width 8, latent 64. The loss is the squared error of the whole centre, averaged per image."""
    subject = f"context-encoder-{size}"
    record = Record(subject)
    start, overlap = size // 4, size // 32
    centre = slice(start, start + size // 2)
    erased = slice(start + overlap, start + size // 2 - overlap)
    middle, last = {128: ("main.14.weight", "main.29.weight"), 32: ("main.8.weight", "main.17.weight")}[size]
    for key, count in [("eval", 2), ("train", 4)]:
        net = hashed.fill(subject, ContextEncoder(size, 8, 64), dtype).train(key == "train")
        images = hashed.image(f"{subject}/image", count, 3, size, size).to(dtype).requires_grad_()
        pictures = 2 * images - 1
        masked = pictures.clone()
        for channel, value in enumerate(torch.tensor(FILL, dtype=torch.float32)):
            masked[:, channel, erased, erased] = value.to(dtype)
        output = net(masked)
        record.add(f"{key}.output", output)
        losses = (output - pictures[:, :, centre, centre]).square().mean((1, 2, 3))
        record.add(f"{key}.loss", losses)
        # The image's gradient takes both paths, the input and the target; the input's only the first.
        wanted = {"image": images, "input": masked} | weights(net, "main.0.weight", middle, last)
        record.gradients(key, losses.mean(), wanted)
        if key == "train":
            running_statistics(record, key, net)
    return record


CASES = {
    "resnet20": resnet20,
    "wrn-10-2": wrn_10_2,
    "wrn-16-1": wrn_16_1,
    "rotation": rotation,
    "alexnet": alexnet,
    "context-encoder-32": lambda dtype: context_encoder(32, dtype),
    "context-encoder-128": lambda dtype: context_encoder(128, dtype),
} | {subject: lambda dtype, subject=subject: formed(subject, dtype) for subject in FORMED}
