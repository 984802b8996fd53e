"""What `benches/gpu.sh` measured, as a page of Markdown.

    table.py FOLDER
"""

import json
import sys
from pathlib import Path

NETS = ["resnet18", "wrn-28-10"]
STEPS = ["evaluation", "pgd step", "training step"]
MODES = {"f32": "PyTorch f32", "tf32": "PyTorch TF32", "amp": "PyTorch AMP"}


def read(path: Path) -> dict:
    return json.loads(path.read_text()) if path.exists() and path.read_text() else {}


def measured(folder: Path, name: str) -> dict[str, dict]:
    return {found["name"]: found for found in read(folder / f"{name}.json").get("measurements", [])}


def number(value: float | None, unit: float = 1) -> str:
    return "–" if not value else f"{value / unit:.3g}" if value / unit < 100 else f"{value / unit:,.0f}"


def table(headers: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(headers) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [headers, rule, *rows]) + "\n"


def steps(folder: Path, rates: dict) -> str:
    rows = []
    for net in NETS:
        own = {precision: measured(folder, f"{net}-{precision}") for precision in ["f32", "f16"]}
        for step in STEPS:
            name = f"{net} {step}"
            ours = [own[precision].get(name, {}).get("rate") for precision in ["f32", "f16"]]
            theirs = [rates.get(f"{name} {mode}") for mode in MODES]
            ratio = ours[0] / theirs[0] if ours[0] and theirs[0] else None
            first = own["f32"].get(name, {}).get("first_seconds")
            rows.append([name, *map(number, [*ours, *theirs, ratio, first])])
    headers = ["images/s", "f32", "f16", *MODES.values(), "f32 / PyTorch f32", "first result, s"]
    return table(headers, rows)


def kernels(folder: Path, rates: dict, peaks: dict) -> str:
    variants = {}
    for path in sorted(folder.glob("conv2d-*.json")) + sorted(folder.glob("matmul-*.json")):
        _, variant = path.stem.split("-", 1)
        for name, found in measured(folder, path.stem).items():
            variants.setdefault(variant, {})[name] = found["rate"]
    names = [name for name in dict.fromkeys(name for cases in variants.values() for name in cases)]
    rows = []
    for name in names:
        product = "matmul" if name == "matmul 4096x4096x4096" else name
        theirs = [rates.get(f"{product} {mode}") for mode in MODES]
        rows.append([name, *(number(cases.get(name), 1000) for cases in variants.values()), *(number(x, 1000) for x in theirs)])
    text = table(["TFLOP/s", *variants, *MODES.values()], rows)
    vector, matrix = peaks.get("vector"), rates.get("matmul amp")
    best = {variant: max(cases.values(), default=0) for variant, cases in variants.items()}
    shares = []
    for variant, rate in best.items():
        # Three products of pieces make one of f32, and tiles take 16 for 36 of the direct sums, which rates are of.
        work = 3 * rate if "f16x3" in variant else rate * 16 / 36 if variant == "winograd" else rate
        peak = matrix if variant.startswith("matrix") else vector
        shares.append([variant, number(rate, 1000), f"{100 * work / peak:.0f} %" if peak else "–"])
    text += "\nThe best of each kind, and its share of the peak: of the vector units, as counted from lanes and clock"
    text += f" ({number(vector, 1000)} TFLOP/s), or of the matrix units, as a product of 4096x4096 matrices of 16-bit floats"
    text += f" reaches it in PyTorch ({number(matrix, 1000)} TFLOP/s).\n\n"
    return text + table(["", "TFLOP/s", "share of the peak"], shares)


def main():
    folder = Path(sys.argv[1])
    torch = read(folder / "pytorch.json")
    rates, peaks = torch.get("rates", {}), torch.get("peaks", {})
    devices = (folder / "devices.json").read_text()
    found = next(iter(measured(folder, "reversal").values()), {})
    print("# On a hardware GPU\n\nWritten by `benches/gpu.sh`. Rates are medians.\n")
    print(f"- {read(folder / 'wrn-28-10-f32.json').get('device', 'unknown GPU')}")
    for report in json.loads(devices).get("adapters", []):
        print(f"- driver {report.get('driver')}")
    if torch:
        print(f"- PyTorch {torch['torch']}, CUDA {torch['cuda']}, cuDNN {torch['cudnn']}, channels-last")
    ops = read(folder / "ops.json")
    print(f"- tests of operations on every kind of kernel: {ops.get('summary', 'not run')}\n")
    print(f"## Steps of {torch.get('batch', '')} images\n\n{steps(folder, rates)}")
    print(f"## Kernels\n\n{kernels(folder, rates, peaks)}")
    if found:
        profile = found.get("profile", {})
        share = 100 * profile.get("kernel_seconds", 0) / profile.get("wall_seconds", 1)
        print(f"## Repair\n\n{found['name']}: {number(found['rate'])} images/s; kernels are {share:.0f} % of the time.")


if __name__ == "__main__":
    main()
