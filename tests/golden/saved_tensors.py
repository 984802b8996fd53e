"""Counts what PyTorch keeps for the backward pass of an attack step on wrn-28-10, for `tests/memory/wide.rs`.

Nothing is computed: the tensors are on the device `meta`. Weights need no gradient.

    python tests/golden/saved_tensors.py
"""

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """The pre-activation block of wide residual nets (Zagoruyko and Komodakis 2016)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        active = F.relu(self.bn1(x))
        out = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return out + (x if self.shortcut is None else self.shortcut(active))


class WideResNet(nn.Module):
    def __init__(self, depth=28, factor=10, classes=10):
        super().__init__()
        widths = [16, 16 * factor, 32 * factor, 64 * factor]
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        blocks = []
        for group in range(3):
            for number in range((depth - 4) // 6):
                first = number == 0
                inputs = widths[group] if first else widths[group + 1]
                blocks.append(Block(inputs, widths[group + 1], 2 if first and group > 0 else 1))
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(widths[3])
        self.fc = nn.Linear(widths[3], classes)

    def forward(self, x):
        x = F.relu(self.bn(self.blocks(self.conv1(x))))
        return self.fc(F.avg_pool2d(x, 8).flatten(1))


def main():
    with torch.device("meta"):
        net = WideResNet().eval().requires_grad_(False)
        images = torch.empty(64, 3, 32, 32, requires_grad=True)
        labels = torch.zeros(64, dtype=torch.long)
    own = {t.untyped_storage()._cdata for t in [*net.parameters(), *net.buffers()]}
    saved = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            # The tensor is kept, too, so that no storage takes the address of another.
            saved[storage._cdata] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        F.cross_entropy(net(images), labels)
    mib = 2.0**20
    print("PyTorch", torch.__version__)
    print(f"saved tensors {sum(size for size, _ in saved.values()) / mib:.1f} MiB")
    print(f"weights {sum(4 * p.numel() for p in net.parameters()) / mib:.1f} MiB")


if __name__ == "__main__":
    main()
