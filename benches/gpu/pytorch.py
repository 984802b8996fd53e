"""The steps and kernels of `benches/gpu.sh` in PyTorch on the same GPU: strict f32, TF32, and automatic mixed precision.

    pytorch.py BATCH RESULT.json
"""

import json
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "golden"))
from nets import FormedResNet, WideResNet  # noqa: E402

EPSILON, STEP_SIZE = 8 / 255, 2 / 255
# Seconds that a case is sampled for.
BUDGET = 0.7
MODES = ["f32", "tf32", "amp"]
NETS = {
    "resnet18": lambda: FormedResNet("cifar", [2, 2, 2, 2], 64),
    "wrn-28-10": lambda: WideResNet(28, 10),
}


def seconds(step) -> float:
    """The median of runs that end when the device is done."""
    for _ in range(3):
        step()
    samples, start = [], time.perf_counter()
    while len(samples) < 3 or time.perf_counter() - start < BUDGET:
        torch.cuda.synchronize()
        begin = time.perf_counter()
        step()
        torch.cuda.synchronize()
        samples.append(time.perf_counter() - begin)
    return statistics.median(samples)


def logits(net, images):
    found = net(images)
    return found[1] if isinstance(found, tuple) else found


def steps(make, batch: int, amp: bool):
    """What each case does once. Mixed precision is of products only, as `--precision f16` is."""
    images = torch.rand(batch, 3, 32, 32, device="cuda").contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch, device="cuda") % 10
    perturbation = torch.zeros_like(images)
    evaluated = make().cuda().to(memory_format=torch.channels_last).eval().requires_grad_(False)
    trained = make().cuda().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.0, momentum=0.9, nesterov=True, weight_decay=5e-4)
    scaler = torch.amp.GradScaler("cuda", enabled=amp)
    mixed = lambda: torch.autocast("cuda", dtype=torch.float16, enabled=amp)  # noqa: E731

    @torch.inference_mode()
    def evaluation():
        with mixed():
            return logits(evaluated, images).argmax(1)

    def attack():
        moved = perturbation.detach().requires_grad_()
        with mixed():
            loss = F.cross_entropy(logits(evaluated, images + moved), labels)
        gradient = torch.autograd.grad(scaler.scale(loss), moved)[0]
        with torch.no_grad():
            moved = (perturbation + STEP_SIZE * gradient.sign()).clamp_(-EPSILON, EPSILON)
            perturbation.copy_((images + moved).clamp_(0, 1) - images)

    def training():
        optimizer.zero_grad()
        with mixed():
            loss = F.cross_entropy(logits(trained, images), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return {"evaluation": evaluation, "pgd step": attack, "training step": training}


def measure(batch: int) -> dict:
    results = {}
    for mode in MODES:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = mode == "tf32"
        for net, make in NETS.items():
            for name, step in steps(make, batch, mode == "amp").items():
                results[f"{net} {name} {mode}"] = batch / seconds(step)
        dtype = torch.float16 if mode == "amp" else torch.float32
        a, b = (torch.randn(4096, 4096, device="cuda", dtype=dtype) for _ in range(2))
        results[f"matmul {mode}"] = 2 * 4096**3 / seconds(lambda: a @ b) / 1e9
        for side, channels in [(32, 160), (16, 320), (8, 640)]:
            x = torch.randn(batch, channels, side, side, device="cuda", dtype=dtype)
            x = x.contiguous(memory_format=torch.channels_last)
            w = torch.randn(channels, channels, 3, 3, device="cuda", dtype=dtype)
            w = w.contiguous(memory_format=torch.channels_last)
            work = 2 * 9 * batch * side**2 * channels**2
            results[f"conv2d {side}x{side} {channels}->{channels} {mode}"] = (
                work / seconds(lambda: F.conv2d(x, w, None, 1, 1)) / 1e9
            )
    return results


def peaks() -> dict:
    """In GFLOP/s. The vector units' is counted: each lane of a multiprocessor multiplies and adds in every cycle."""
    device = torch.cuda.get_device_properties(0)
    lanes = {8: 128 if device.minor else 64, 9: 128, 10: 128, 12: 128}.get(device.major)
    clock = getattr(device, "clock_rate", None)
    if clock is None:
        import subprocess

        query = ["nvidia-smi", "--query-gpu=clocks.max.sm", "--format=csv,noheader,nounits"]
        clock = 1000 * float(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0])
    vector = lanes and 2 * lanes * device.multi_processor_count * clock / 1e6
    return {"vector": vector, "clock_mhz": clock / 1000, "multiprocessors": device.multi_processor_count}


def main():
    batch, path = int(sys.argv[1]), Path(sys.argv[2])
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch has no GPU here")
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    result = {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "device": torch.cuda.get_device_name(0),
        "batch": batch,
        "peaks": peaks(),
        "rates": measure(batch),
    }
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
