"""The reference implementations of attacks, on the net and the pictures of `docs/parity.md`.

    python docs/parity.py --classifier resnet20.safetensors --pictures clean.safetensors ATTACK...

ATTACK is one of pgd, apgd-ce, apgd-t, fab-t, square, standard (AutoAttack's own code) and torchattacks-pgd,
torchattacks-apgd-ce (torchattacks). `clean.safetensors` is what `unperturb attack --attack none --out` writes. Needs
torch, safetensors, torchattacks, and AutoAttack's package `autoattack` on PYTHONPATH. Prints a line of JSON each.
"""

import argparse
import json
import pathlib
import sys
import time

import safetensors
import safetensors.torch
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden"))
import nets  # noqa: E402  (the net as PyTorch has it, held against ours by the golden tests)

SQUARE_QUERIES = 5000


class Normalised(nn.Module):
    """A net that takes pictures in [0, 1]: the normalisation is part of it."""

    def __init__(self, path: str):
        super().__init__()
        with safetensors.safe_open(path, "pt") as file:
            described = json.loads(file.metadata()["unperturb"])["classifier"]
        self.net = nets.ResNet(int(described["architecture"].removeprefix("resnet")), described["classes"])
        self.net.load_state_dict(safetensors.torch.load_file(path), strict=False)
        column = lambda name: torch.tensor(described["normalization"][name]).view(1, 3, 1, 1)
        self.mean, self.deviation = column("mean"), column("deviation")

    def forward(self, x):
        return self.net((x - self.mean) / self.deviation)[1]


def pgd(model, images, labels, norm, epsilon, step, steps=20):
    """PGD-20 (Madry et al. 2018), the last point of each picture, as in the published training code."""
    assert norm == "Linf"
    delta = torch.empty_like(images).uniform_(-epsilon, epsilon)
    points = (images + delta).clamp(0, 1)
    for _ in range(steps):
        points.requires_grad_()
        loss = nn.functional.cross_entropy(model(points), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, points)
        points = points.detach() + step * gradient.sign()
        points = torch.min(torch.max(points, images - epsilon), images + epsilon).clamp(0, 1)
    return points


def reference(name: str, model, norm: str, epsilon: float, seed: int, queries: int):
    """The attack as a function of pictures and labels."""
    if name == "pgd":
        return lambda x, y: pgd(model, x, y, norm, epsilon, 2 / 255)
    if name.startswith("torchattacks"):
        import torchattacks

        if name == "torchattacks-pgd":
            return torchattacks.PGD(model, eps=epsilon, alpha=2 / 255, steps=20)
        return torchattacks.APGD(model, norm=norm, eps=epsilon, steps=100, loss="ce", seed=seed)
    from autoattack import AutoAttack

    stages = {"standard": ["apgd-ce", "apgd-t", "fab-t", "square"]}.get(name, [name])
    auto = AutoAttack(model, norm=norm, eps=epsilon, seed=seed, version="standard", device="cpu", verbose=True)
    auto.attacks_to_run = stages
    auto.square.n_queries = queries
    return lambda x, y: auto.run_standard_evaluation(x, y, bs=250)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--classifier", required=True)
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--norm", default="Linf", choices=["Linf", "L2"])
    parser.add_argument("--eps", type=float, default=8 / 255)
    parser.add_argument("--images", type=int)
    parser.add_argument("--queries", type=int, default=SQUARE_QUERIES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("attack", nargs="+")
    arguments = parser.parse_args()
    model = Normalised(arguments.classifier).eval()
    model.requires_grad_(False)
    pictures = safetensors.torch.load_file(arguments.pictures)
    images = pictures["images"].permute(0, 3, 1, 2).contiguous()[: arguments.images]
    labels = pictures["labels"].long()[: arguments.images]

    def right(x):
        with torch.no_grad():
            return sum((model(x[i : i + 250]).argmax(1) == labels[i : i + 250]).sum().item() for i in range(0, len(x), 250))

    print(json.dumps({"attack": "none", "images": len(labels), "correct": right(images)}), flush=True)
    for name in arguments.attack:
        torch.manual_seed(arguments.seed)
        attack = reference(name, model, arguments.norm, arguments.eps, arguments.seed, arguments.queries)
        started = time.time()
        points = attack(images, labels)
        seconds = time.time() - started
        distance = (points - images).flatten(1)
        distance = distance.abs().amax(1) if arguments.norm == "Linf" else distance.norm(dim=1)
        result = {"attack": name, "norm": arguments.norm, "eps": arguments.eps, "images": len(labels)}
        result |= {"correct": right(points), "seconds": round(seconds, 1), "farthest": distance.max().item()}
        print(json.dumps(result | {"torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    main()
