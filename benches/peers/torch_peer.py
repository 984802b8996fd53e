"""The cases in PyTorch, eager: `torch_peer.py DEVICE LAYOUT`, cpu or cuda, contiguous or channels_last.

Answers requests as `common/src/serve.rs` says. Numbers and net are those of the golden files.
"""

import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "golden"))
import hashed  # noqa: E402
from nets import ResNet  # noqa: E402

EPSILON, STEP_SIZE = 8 / 255, 2 / 255
PIXELS, CHANNELS = 32, 64
# As common/src/timing.rs.
BUDGET, SAMPLE, LONG = 0.5, 5e-3, 2.0


class Peer:
    def __init__(self, device: str, layout: str):
        self.device = torch.device(device)
        self.format = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[layout]
        self.name = f"PyTorch {torch.__version__} {device} {layout}"
        # As strict as the others.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False

    def to(self, tensor: torch.Tensor) -> torch.Tensor:
        format = self.format if tensor.dim() == 4 else torch.contiguous_format
        return tensor.to(self.device, memory_format=format)

    def net(self, mode: str):
        net = hashed.fill("resnet20", ResNet(20), torch.float32).to(self.device, memory_format=self.format)
        return net.train() if mode == "train" else net.eval().requires_grad_(False)

    def pictures(self, batch: int) -> torch.Tensor:
        return self.to(hashed.image("resnet20/image", batch, 3, PIXELS, PIXELS))

    def labels(self, batch: int) -> torch.Tensor:
        return hashed.labels(batch, 10).to(self.device)

    def prepare(self, name: str, batch: int):
        """What does the case of that name once."""
        if name.startswith("matmul "):
            side = int(name.split("x")[-1])
            a, b = (self.to(hashed.signed(operand, side, side)) for operand in "ab")
            return lambda: a @ b
        if name.startswith("conv2d"):
            stride = 2 if name.endswith("stride 2") else 1
            out = PIXELS // stride
            x = self.to(hashed.signed("x", batch, CHANNELS, PIXELS, PIXELS))
            w = self.to(hashed.signed("w", CHANNELS, CHANNELS, 3, 3))
            cotangent = self.to(hashed.signed("cotangent", batch, CHANNELS, out, out))
            if name.startswith("conv2d and gradients "):
                x.requires_grad_()
                w.requires_grad_()
                return lambda: torch.autograd.grad(F.conv2d(x, w, None, stride, 1), (x, w), cotangent)
            return lambda: F.conv2d(x, w, None, stride, 1)
        return {
            "resnet20 evaluation": self.evaluation,
            "resnet20 pgd step": self.attack,
            "resnet20 training step": self.training,
        }[name](batch)

    def evaluation(self, batch: int):
        net, pictures = self.net("eval"), self.pictures(batch)

        @torch.inference_mode()
        def step():
            return net(pictures)[1].argmax(1)

        return step

    def attack(self, batch: int):
        net, pictures, labels = self.net("eval"), self.pictures(batch), self.labels(batch)
        perturbation = torch.zeros_like(pictures)

        def step():
            gradient = self.gradient(net, pictures, perturbation, labels)
            with torch.no_grad():
                moved = (perturbation + STEP_SIZE * gradient.sign()).clamp_(-EPSILON, EPSILON)
                perturbation.copy_((pictures + moved).clamp_(0, 1) - pictures)

        return step

    def training(self, batch: int):
        net, pictures, labels = self.net("train"), self.pictures(batch), self.labels(batch)
        # The rate is zero so that the weights stay what they are however often this runs.
        optimizer = torch.optim.SGD(net.parameters(), lr=0.0, momentum=0.9, nesterov=True, weight_decay=5e-4)

        def step():
            optimizer.zero_grad()
            loss = F.cross_entropy(net(pictures)[1], labels)
            loss.backward()
            optimizer.step()
            return loss

        return step

    def gradient(self, net, pictures, perturbation, labels) -> torch.Tensor:
        perturbation = perturbation.detach().requires_grad_()
        loss = F.cross_entropy(net(pictures + perturbation)[1], labels)
        return torch.autograd.grad(loss, perturbation)[0]

    def check(self, batch: int) -> dict:
        net, pictures = self.net("eval"), self.pictures(batch)
        gradient = self.gradient(net, pictures, torch.zeros_like(pictures), self.labels(batch))
        logits = net(pictures)[1]
        net = self.net("train")
        trained = net(self.pictures(4))[1]
        F.cross_entropy(trained, self.labels(4)).backward()
        checks = {
            "eval.logits": logits[:2],
            # The golden file has the gradient of the mean over two pictures.
            "eval.grad.image": gradient[:2] * (batch / 2),
            "train.logits": trained,
            "train.grad.conv1.weight": net.conv1.weight.grad,
        }
        return {key: value.detach().cpu().contiguous().flatten().tolist() for key, value in checks.items()}

    def finish(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def samples(self, step) -> list[float]:
        def timed(count: int) -> float:
            start = time.perf_counter()
            for _ in range(count):
                step()
            self.finish()
            return (time.perf_counter() - start) / count

        first = timed(1)
        if first > LONG:
            return [first]
        count = min(10_000, max(1, math.ceil(SAMPLE / timed(1))))
        start, samples = time.perf_counter(), []
        while not samples or time.perf_counter() - start < BUDGET:
            samples.append(timed(count))
        return samples


def main():
    peer, prepared = Peer(*sys.argv[1:]), {}

    def answer(verb: str, batch: str, *name: str) -> dict:
        if verb == "check":
            return {"checks": peer.check(int(batch))}
        case = (" ".join(name), int(batch))
        if case in prepared:
            return {"samples": peer.samples(prepared[case])}
        start = time.perf_counter()
        prepared[case] = peer.prepare(*case)
        prepared[case]()
        peer.finish()
        first = time.perf_counter() - start
        return {"samples": peer.samples(prepared[case]), "first": first}

    print(json.dumps({"engine": peer.name}), flush=True)
    for request in sys.stdin:
        print(json.dumps(answer(*request.split())), flush=True)


if __name__ == "__main__":
    main()
