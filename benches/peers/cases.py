"""What is compared, under the names of `unperturb bench`, and what the ratios should be."""

from dataclasses import dataclass

PIXELS, CHANNELS = 32, 64
# Pictures of a convolution, everywhere.
CONVOLVED = 32


@dataclass(frozen=True)
class Case:
    name: str

    @property
    def is_step(self) -> bool:
        return self.name.startswith("resnet20")

    def work(self, batch: int) -> float:
        """Multiplications and additions of a kernel, pictures of a step."""
        if self.is_step:
            return batch
        if self.name.startswith("matmul"):
            return 2 * int(self.name.split("x")[-1]) ** 3
        made = PIXELS // (2 if self.name.endswith("stride 2") else 1)
        passes = 3 if "gradients" in self.name else 1
        return passes * 2 * CONVOLVED * made**2 * CHANNELS**2 * 9

    def rate(self, batch: int, seconds: float) -> float:
        """In `unit`."""
        return self.work(batch) / seconds / (1 if self.is_step else 1e9)

    @property
    def unit(self) -> str:
        return "images/s" if self.is_step else "GFLOP/s"


CASES = [
    Case(name)
    for name in [
        "matmul 512x512x512",
        "matmul 1024x1024x1024",
        "conv2d 32x32 64->64",
        "conv2d 32x32 64->64 stride 2",
        "conv2d and gradients 32x32 64->64",
        "conv2d and gradients 32x32 64->64 stride 2",
        "resnet20 evaluation",
        "resnet20 pgd step",
        "resnet20 training step",
    ]
]


@dataclass(frozen=True)
class Part:
    """One kind of device, on which all engines are compared."""

    name: str
    # Pictures of a step.
    batch: int

    def pictures(self, case: Case) -> int:
        return self.batch if case.is_step else CONVOLVED


CPU, GPU = Part("cpu", 128), Part("gpu", 32)
PARTS = {part.name: part for part in (CPU, GPU)}


def aim(part: Part, peer: str, case: Case) -> float | None:
    """How many times as fast as that peer unperturb shall be; none where nothing was promised."""
    step = case.name.removeprefix("resnet20 ") if case.is_step else None
    if part == CPU and peer == "PyTorch":
        if case.name.startswith("conv2d"):
            return 0.7 if "gradients" in case.name else 0.5
        return {"evaluation": 1.0, "pgd step": 1.2, "training step": 1.2}.get(step)
    if part == CPU:
        return {"burn": 2.0, "candle": 5.0}[peer] if step else None
    if peer == "burn" and not case.name.startswith("matmul"):
        return 5.0 if step == "training step" else 4.0
    return None
