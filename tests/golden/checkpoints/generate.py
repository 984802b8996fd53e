"""Writes the small files of `torch.save` beside this script, on which the reader of checkpoints is tested.

    python generate.py

Element i of a tensor is i / 8 - 1, which every floating-point type here holds exactly.
"""

import argparse
import os
import sys
from collections import OrderedDict
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

import hashed  # noqa: E402
from nets import WideResNet, WideStage  # noqa: E402


def numbers(*shape, dtype=torch.float32):
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float64) / 8 - 1).reshape(shape).to(dtype)


def tensors():
    """Every element type, and tensors that are not packed rows of a storage of their own."""
    table = numbers(4, 6)
    return OrderedDict(
        f32=numbers(2, 3),
        f64=numbers(5, dtype=torch.float64),
        f16=numbers(3, 1, 2, dtype=torch.float16),
        bf16=numbers(4, dtype=torch.bfloat16),
        i64=torch.tensor(7),
        i32=torch.tensor([1, -2], dtype=torch.int32),
        u8=torch.tensor([1, 2, 3], dtype=torch.uint8),
        flag=torch.tensor([True, False]),
        empty=torch.zeros(0, 3),
        scalar=torch.tensor(0.5),
        table=table,
        turned=table.t(),
        window=table[1:3, 2:5],
        every_other=table[0, ::2],
        parameter=torch.nn.Parameter(numbers(2, 2)),
    )


class Code:
    def __reduce__(self):
        return os.system, ("echo this must never run",)


def training():
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(numbers(*value.shape))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(numbers(4, 3)).sum().backward()
    optimizer.step()
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(numbers(*value.shape))
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 5])
    wrapped = OrderedDict((f"module.{name}", value) for name, value in net.state_dict().items())
    return {
        "epoch": 3,
        "args": argparse.Namespace(lr=0.1, arch="net"),
        "best": numpy.float64(0.25),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "state_dict": wrapped,
    }


class Carmon(WideResNet):
    """The wide ResNet of Carmon et al. 2019 as RobustBench has it: with a stage that nothing uses."""

    def __init__(self, depth: int, widen: int):
        super().__init__(depth, widen)
        self.sub_block1 = WideStage((depth - 4) // 6, 16, 16 * widen, 1)


def carmon():
    """A small twin of the published file, in half precision, and what PyTorch makes of two images with it."""
    net = hashed.fill("carmon-twin", Carmon(10, 1), torch.float32).half()
    wrapped = OrderedDict((f"module.{name}", value) for name, value in net.state_dict().items())
    torch.save({"state_dict": wrapped, "epoch": 200}, HERE / "carmon-twin.pt")
    net = net.double().eval()
    images = hashed.image("carmon-twin/image", 2, 3, 32, 32).double().requires_grad_()
    _, logits = net(images)
    losses = F.cross_entropy(logits, hashed.labels(2, 10), reduction="none")
    (gradient,) = torch.autograd.grad(losses.mean(), images)
    found = {"eval.logits": logits, "eval.loss": losses, "eval.grad.image": gradient}
    save_file({key: value.detach().float().contiguous() for key, value in found.items()}, HERE / "carmon-twin.safetensors")


def main():
    carmon()
    torch.save(tensors(), HERE / "archive.pt")
    torch.save(tensors(), HERE / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(training(), HERE / "training.ckpt")
    torch.save(training(), HERE / "legacy-training.th", _use_new_zipfile_serialization=False)
    torch.save({"ssl_model": {"linear.weight": numbers(2, 3)}, "epoch": 1}, HERE / "ssl-model.pth")
    torch.save(torch.nn.Linear(3, 2), HERE / "module.pt")
    torch.save({"state_dict": {"weight": numbers(2, 3)}, "hook": Code()}, HERE / "code.pt")
    torch.save({"weight": numbers(1, 3).expand(1000, 3)}, HERE / "stretched.pt")


if __name__ == "__main__":
    main()
