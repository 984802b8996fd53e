"""What a golden file holds: whole tensors when small, else contractions and a sample."""

import torch

from hashed import signed

WHOLE = 16_000
SAMPLE = 512
CONTRACTIONS = 4


class Record:
    """The tensors of one subject, kept in f64 until they are written."""

    def __init__(self, subject: str):
        self.subject = subject
        self.tensors: dict[str, torch.Tensor] = {}

    def add(self, key: str, value: torch.Tensor) -> None:
        """Keeps `value` whole up to 16,000 elements; else `key.contraction` [4] and `key.sample` [512]."""
        value = value.detach().double()
        if value.numel() <= WHOLE:
            self._keep(key, value.clone())
            return
        flat = value.reshape(-1)
        directions = [
            signed(f"{self.subject}/{key}/contraction/{k}", flat.numel()).double() for k in range(CONTRACTIONS)
        ]
        self._keep(f"{key}.contraction", torch.stack([flat @ r for r in directions]))
        # An odd stride does not fall into step with rows and channels.
        stride = (flat.numel() // SAMPLE) | 1
        self._keep(f"{key}.sample", flat[(torch.arange(SAMPLE) * stride) % flat.numel()])

    def _keep(self, key: str, value: torch.Tensor) -> None:
        assert key not in self.tensors, f"{self.subject}: {key} twice"
        assert torch.isfinite(value).all(), f"{self.subject}: {key} is not finite"
        self.tensors[key] = value.contiguous()

    def gradients(self, key: str, scalar: torch.Tensor, wanted: dict[str, torch.Tensor]) -> None:
        """Adds `key.grad.NAME`, the gradient of `scalar`, for every tensor in `wanted`."""
        found = torch.autograd.grad(scalar, list(wanted.values()), retain_graph=True)
        for name, gradient in zip(wanted, found):
            self.add(f"{key}.grad.{name}", gradient)

    def op(self, key: str, y: torch.Tensor, wanted: dict[str, torch.Tensor]) -> None:
        """Adds the output `key.y` and the gradients of sum(y r), r = signed("SUBJECT/KEY/cotangent")."""
        self.add(f"{key}.y", y)
        cotangent = signed(f"{self.subject}/{key}/cotangent", *y.shape).to(y.dtype)
        self.gradients(key, (y * cotangent).sum(), wanted)
