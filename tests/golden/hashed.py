"""Numbers made from a name and an index, the same in every language, so that golden files need not hold inputs.

The specification, with check values and the same in Rust, is in README.md.
"""

import math

import numpy as np
import torch
from torch import nn

_INCREMENT = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def fnv1a(name: str) -> int:
    """64-bit FNV-1a of the UTF-8 bytes of `name`."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & _MASK
    return state


def signed(name: str, *shape: int) -> torch.Tensor:
    """Uniform in [-1, 1), as f32: SplitMix64 seeded with `fnv1a(name)`, one output per element, row-major."""
    count = math.prod(shape)
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_INCREMENT)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
    return torch.from_numpy(u.reshape(shape))


def image(name: str, *shape: int) -> torch.Tensor:
    """Uniform in [0, 1), as f32: (u + 1) / 2, which is exact."""
    return (signed(name, *shape) + 1) / 2


def parameter(subject: str, name: str, shape: torch.Size) -> torch.Tensor:
    """A parameter or running statistic, as f32, by the rule its rank and the end of its name select."""
    u = signed(f"{subject}/{name}", *shape)
    if len(shape) > 1:
        return u * np.float32(math.sqrt(6 / math.prod(shape[1:])))
    last = name.rsplit(".", 1)[-1]
    tenth, fifth, half = np.float32(0.1), np.float32(0.2), np.float32(0.5)
    return {
        "weight": lambda: 1 + fifth * u,
        "bias": lambda: tenth * u,
        "running_mean": lambda: tenth * u,
        "running_var": lambda: 1 + half * u.abs(),
    }[last]()


def fill(subject: str, net: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Gives `net` its hashed parameters and running statistics, and computes in `dtype` from then on."""
    state = net.state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            state[name] = parameter(subject, name, value.shape)
    net.load_state_dict(state)
    return net.to(dtype)


def labels(count: int, classes: int) -> torch.Tensor:
    """Label i is (7 i + 3) mod classes."""
    return torch.tensor([(7 * i + 3) % classes for i in range(count)])
