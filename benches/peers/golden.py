"""Holds what an engine makes of the golden pictures to the golden file, so that all are known to compute the same."""

import array
import json
import struct
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "tests" / "golden" / "resnet20.safetensors"
# On |found - true|² / |true|²; engines that compute in 32 bits stay below 1e-9.
BOUND = 1e-7


def tensors() -> dict[str, array.array]:
    """The tensors of 32-bit floats of the golden file."""
    data = FILE.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    return {key: array.array("f", body[slice(*entry["data_offsets"])]) for key, entry in header.items()}


def errors(checks: dict[str, list[float]]) -> dict[str, float]:
    """The normalised error of each of an engine's results."""
    golden = tensors()

    def error(found, true) -> float:
        if len(found) != len(true):
            return float("inf")
        return sum((a - b) ** 2 for a, b in zip(found, true)) / sum(b * b for b in true)

    return {key: error(found, golden[key]) for key, found in checks.items()}
