"""Single operations that are easy to get subtly wrong. Every `KEY.grad.NAME` is the gradient of sum(y r)."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms import functional as T

import hashed
from record import Record


def resize(dtype: torch.dtype) -> Record:
    """Bilinear with align_corners=False and no antialiasing; nearest; crops resized as by `resized_crop`."""
    record = Record("resize")
    for key, height, width, mode in [
        ("up", 11, 13, "bilinear"),
        ("down", 3, 4, "bilinear"),
        ("mixed", 9, 4, "bilinear"),
        ("twice", 10, 14, "bilinear"),
        ("nearest", 20, 28, "nearest"),
        ("nearest-mixed", 3, 10, "nearest"),
    ]:
        x = hashed.signed("resize/x", 2, 3, 5, 7).to(dtype).requires_grad_()
        corners = {"align_corners": False} if mode == "bilinear" else {}
        record.op(key, F.interpolate(x, (height, width), mode=mode, **corners), {"x": x})
    # Per image: top, left, height, width, in pixels; as torchvision's RandomResizedCrop without antialiasing.
    boxes = [(0, 0, 16, 16), (3, 5, 7, 6), (9, 0, 3, 12), (15, 15, 1, 1), (2, 4, 13, 9)]
    x = hashed.image("resize/picture", len(boxes), 3, 16, 16).to(dtype).requires_grad_()
    crops = [
        F.interpolate(x[i : i + 1, :, top : top + h, left : left + w], (16, 16), mode="bilinear", align_corners=False)
        for i, (top, left, h, w) in enumerate(boxes)
    ]
    record.add("crop.boxes", torch.tensor(boxes))
    record.op("crop", torch.cat(crops), {"x": x})
    return record


FACTORS = {
    "brightness": [0.2, 0.7, 1.0, 1.8],
    "contrast": [0.2, 0.7, 1.0, 1.8],
    "saturation": [0.2, 0.7, 1.0, 1.8],
    "hue": [-0.5, -0.13, 0.0, 0.2],
}


def colour(dtype: torch.dtype) -> Record:
    """torchvision's functional ColorJitter and grey, factors per image; `jitter` applies all in this order."""
    record = Record("colour")
    adjust = {
        "brightness": T.adjust_brightness,
        "contrast": T.adjust_contrast,
        "saturation": T.adjust_saturation,
        "hue": T.adjust_hue,
    }

    def apply(name: str, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([adjust[name](picture, factor) for picture, factor in zip(x, FACTORS[name])])

    def pictures() -> torch.Tensor:
        return hashed.image("colour/x", 4, 3, 6, 5).to(dtype).requires_grad_()

    for name in adjust:
        x = pictures()
        record.op(name, apply(name, x), {"x": x})
    x = pictures()
    record.op("grey", T.rgb_to_grayscale(x, num_output_channels=3), {"x": x})
    # Images 1 and 3 also turn grey.
    x = pictures()
    y = x
    for name in adjust:
        y = apply(name, y)
    turned = torch.tensor([False, True, False, True])[:, None, None, None]
    record.op("jitter", torch.where(turned, T.rgb_to_grayscale(y, num_output_channels=3), y), {"x": x})
    # Hue of pixels without one, or with two channels equal: black, grey, white, primaries, secondaries.
    corners = [(0, 0, 0), (0.5,) * 3, (1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1)]
    row = torch.tensor(corners, dtype=dtype).T.reshape(1, 3, 1, len(corners))
    record.add("hue-corners.x", row)
    record.add("hue-corners.y", torch.cat([T.adjust_hue(row, factor) for factor in FACTORS["hue"]]))
    for name, factors in FACTORS.items():
        record.add(f"{name}.factors", torch.tensor(factors))
    return record


def batch_norm(dtype: torch.dtype) -> Record:
    """Momentum 0.1, epsilon 1e-5, unbiased running variance; `train` is two steps, `eval` follows them."""
    record = Record("batch-norm")
    for kind, shape in [("image", (3, 4, 5, 2)), ("vector", (6, 4))]:
        layer = nn.BatchNorm2d(4) if kind == "image" else nn.BatchNorm1d(4)
        norm = hashed.fill(f"batch-norm/{kind}", layer, dtype)
        for key in ["train0", "train1", "eval"]:
            norm.train(key != "eval")
            x = (3 * hashed.signed(f"batch-norm/{kind}/{key}/x", *shape) + 1).to(dtype).requires_grad_()
            y = norm(x)
            record.op(f"{kind}.{key}", y, {"x": x, "weight": norm.weight, "bias": norm.bias})
            record.add(f"{kind}.{key}.running_mean", norm.running_mean)
            record.add(f"{kind}.{key}.running_var", norm.running_var)
    return record


def pooling(dtype: torch.dtype) -> Record:
    """Window 3, stride 2, padding 1; the average counts the padding as zeros (PyTorch's default)."""
    record = Record("pooling")
    for height, width in [(8, 8), (7, 9), (4, 5)]:
        for key, pool in [("max", F.max_pool2d), ("average", F.avg_pool2d)]:
            # Below zero: a maximum that takes padding for zeros is wrong.
            x = (hashed.signed("pooling/x", 2, 3, height, width) - 1).to(dtype).requires_grad_()
            record.op(f"{key}-{height}x{width}", pool(x, 3, 2, 1), {"x": x})
    return record


def convolution(dtype: torch.dtype) -> Record:
    """Convolutions, plain and transposed, with bias: kernel, stride, padding (and output padding) by name."""
    record = Record("convolution")
    cases = [
        ("conv-k3s1p1", (2, 5, 7, 6), (4, 5, 3, 3), 4, lambda x, w, b: F.conv2d(x, w, b, 1, 1)),
        ("conv-k3s2p1", (2, 5, 7, 6), (4, 5, 3, 3), 4, lambda x, w, b: F.conv2d(x, w, b, 2, 1)),
        ("conv-k5s1p2", (2, 3, 7, 6), (4, 3, 5, 5), 4, lambda x, w, b: F.conv2d(x, w, b, 1, 2)),
        ("conv-k4s2p1", (2, 3, 8, 7), (4, 3, 4, 4), 4, lambda x, w, b: F.conv2d(x, w, b, 2, 1)),
        ("conv-k1s2p0", (2, 5, 7, 6), (4, 5, 1, 1), 4, lambda x, w, b: F.conv2d(x, w, b, 2, 0)),
        ("transpose-k4s2p1", (2, 5, 3, 4), (5, 3, 4, 4), 3, lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1)),
        ("transpose-k4s1p0", (2, 5, 1, 2), (5, 3, 4, 4), 3, lambda x, w, b: F.conv_transpose2d(x, w, b, 1, 0)),
        ("transpose-k3s2p1o1", (2, 5, 3, 4), (5, 3, 3, 3), 3, lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1)),
    ]
    for key, x_shape, w_shape, outputs, op in cases:
        shapes = {"x": x_shape, "weight": w_shape, "bias": (outputs,)}
        given = {
            name: hashed.signed(f"convolution/{key}/{name}", *shape).to(dtype).requires_grad_()
            for name, shape in shapes.items()
        }
        record.op(key, op(given["x"], given["weight"], given["bias"]), given)
    return record


CASES = {
    "resize": resize,
    "colour": colour,
    "batch-norm": batch_norm,
    "pooling": pooling,
    "convolution": convolution,
}
