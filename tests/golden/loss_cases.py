"""Losses: the contrastive head and SimCLR with NT-Xent, NT-Xent alone, cross-entropy with label smoothing."""

import torch
import torch.nn.functional as F

import hashed
from net_cases import running_statistics, weights
from nets import ContrastiveHead, FormedResNet, SimClr
from record import Record

TEMPERATURE = 0.2


def nt_xent(embeddings: torch.Tensor, views: int, mode: str) -> torch.Tensor:
    """NT-Xent per row of `embeddings` [views * n, d], rows view-major: row = view * n + image.

    authors: logits are [positives | negatives] / temperature and the label is 0, as in the published code of
    Mao et al. 2021 (after sthalles/SimCLR): only the first other view, in row order, is the target.
    simclr: the mean of that loss over all positives, each in turn the target.
    Both divide by the sum over every row but the row itself.
    """
    rows = embeddings.shape[0]
    z = F.normalize(embeddings, dim=1)
    similarity = z @ z.T
    image_of = torch.arange(rows) % (rows // views)
    alike = image_of[:, None] == image_of[None, :]
    others = ~torch.eye(rows, dtype=torch.bool)
    positives = similarity[alike & others].view(rows, views - 1) / TEMPERATURE
    negatives = similarity[~alike].view(rows, -1) / TEMPERATURE
    logits = torch.cat([positives, negatives], dim=1)
    targets = {"authors": [0], "simclr": range(views - 1)}[mode]
    losses = [F.cross_entropy(logits, torch.full((rows,), t), reduction="none") for t in targets]
    return torch.stack(losses).mean(0)


def contrastive(dtype: torch.dtype) -> Record:
    """The head (64 -> 256 -> 16) and both losses on the features of 4 images in 2 or 4 views."""
    record = Record("contrastive")
    for mode in ["eval", "train"]:
        for views in [2, 4]:
            key = f"{mode}.views{views}"
            head = hashed.fill("contrastive", ContrastiveHead(64), dtype).train(mode == "train")
            features = hashed.signed("contrastive/features", 4 * views, 64).to(dtype).requires_grad_()
            embeddings = head(features)
            record.add(f"{key}.embeddings", embeddings)
            if mode == "train":
                running_statistics(record, key, head)
            wanted = {"features": features}
            wanted |= weights(head, "linear.weight", "bn3.weight", "linear2.weight", "linear2.bias")
            for kind in ["authors", "simclr"]:
                losses = nt_xent(embeddings, views, kind)
                record.add(f"{key}.{kind}.loss", losses)
                record.gradients(f"{key}.{kind}", losses.mean(), wanted)
    return record


def simclr(dtype: torch.dtype) -> Record:
    """With a resnet18 of width 4, on 2 images of 16x16 in 2 views: there both ways to count positives are the same."""
    record = Record("simclr")
    for key in ["eval", "train"]:
        net = SimClr(FormedResNet("cifar", [2, 2, 2, 2], 4), "linear")
        net = hashed.fill("simclr", net, dtype).train(key == "train")
        images = hashed.image("simclr/image", 4, 3, 16, 16).to(dtype).requires_grad_()
        embeddings = net(images)
        record.add(f"{key}.embeddings", embeddings)
        losses = nt_xent(embeddings, 2, "simclr")
        record.add(f"{key}.loss", losses)
        layers = ["conv1.weight", "bn1.bias", "linear.0.weight", "linear.2.bias"]
        watched = weights(net, *(f"backbone.{layer}" for layer in layers))
        record.gradients(key, losses.mean(), {"image": images} | watched)
        if key == "train":
            running_statistics(record, key, net)
    return record


def nt_xent_alone(dtype: torch.dtype) -> Record:
    """On embeddings [views * 5, 8] that are not normalised: loss per row, gradient of the mean."""
    record = Record("nt-xent")
    for views in [2, 3, 4]:
        for kind in ["authors", "simclr"]:
            embeddings = hashed.signed(f"nt-xent/embeddings/{views}", 5 * views, 8).to(dtype).requires_grad_()
            losses = nt_xent(embeddings, views, kind)
            record.add(f"views{views}.{kind}.loss", losses)
            record.gradients(f"views{views}.{kind}", losses.mean(), {"embeddings": embeddings})
    return record


def cross_entropy(dtype: torch.dtype) -> Record:
    """On 3 u for logits [6, 7]: loss per row, gradient of the mean, at smoothing 0 and 0.1."""
    record = Record("cross-entropy")
    for name, smoothing in [("plain", 0.0), ("smoothed", 0.1)]:
        logits = (3 * hashed.signed("cross-entropy/logits", 6, 7)).to(dtype).requires_grad_()
        losses = F.cross_entropy(logits, hashed.labels(6, 7), reduction="none", label_smoothing=smoothing)
        record.add(f"{name}.loss", losses)
        record.gradients(name, losses.mean(), {"logits": logits})
    return record


CASES = {"contrastive": contrastive, "simclr": simclr, "nt-xent": nt_xent_alone, "cross-entropy": cross_entropy}
