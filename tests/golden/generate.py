"""Writes the golden files beside this script, or checks them: see README.md.

    python generate.py            write every file, and print how far f32 strays from f64
    python generate.py --check    compute again and compare with the files
    python generate.py resnet20   only the named subjects
"""

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import loss_cases
import net_cases
import op_cases
import training_cases

CASES = net_cases.CASES | loss_cases.CASES | op_cases.CASES | training_cases.CASES
HERE = Path(__file__).parent


def error(found: torch.Tensor, true: torch.Tensor) -> float:
    """|found - true|^2 / |true|^2, the normalised mean square."""
    difference = (found.double() - true.double()).square().sum().item()
    scale = true.double().square().sum().item()
    return difference / scale if scale > 0 else difference


def worst(found: dict[str, torch.Tensor], true: dict[str, torch.Tensor]) -> tuple[float, str]:
    assert found.keys() == true.keys(), found.keys() ^ true.keys()
    return max((error(found[key], true[key]), key) for key in true)


def main() -> int:
    parser = argparse.ArgumentParser(description="Golden values from PyTorch.")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=", ".join(CASES))
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    arguments = parser.parse_args()
    unknown = set(arguments.subjects) - CASES.keys()
    if unknown:
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    torch.use_deterministic_algorithms(True)
    failed = False
    for subject in arguments.subjects or CASES:
        path = HERE / f"{subject}.safetensors"
        true = CASES[subject](torch.float64).tensors
        if arguments.check:
            stray, key = worst(load_file(path), true)
            failed |= stray > 1e-12
            print(f"{subject:20} differs by {stray:.1e} ({key})")
            continue
        single = CASES[subject](torch.float32).tensors
        stray, key = worst(single, true)
        tensors = {name: value.float() for name, value in true.items()}
        save_file(tensors, path, {"made": f"tests/golden/generate.py, PyTorch {torch.__version__}"})
        print(f"{subject:20} {path.stat().st_size:7} bytes, PyTorch's f32 strays by {stray:.1e} ({key})")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
