"""Optimisers, gradient clipping and learning-rate schedules."""

import torch
from torch import nn, optim

import hashed
from record import Record

STEPS = 5
EPOCHS = 20


def optimizers(dtype: torch.dtype) -> Record:
    """Five steps on given gradients, not on a loss: parameters [17] after each step."""
    record = Record("optimizers")
    makers = {
        "sgd": lambda p: optim.SGD(p, 0.1),
        "sgd-momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=5e-4),
        "sgd-nesterov": lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True),
        "adam": lambda p: optim.Adam(p, 1e-3),
        "adam-decayed": lambda p: optim.Adam(p, 1e-2, betas=(0.5, 0.99), eps=1e-6, weight_decay=1e-2),
    }
    for name, make in makers.items():
        weight = nn.Parameter(hashed.signed("optimizers/parameters", 17).to(dtype))
        optimizer = make([weight])
        after = []
        for step in range(STEPS):
            weight.grad = hashed.signed(f"optimizers/gradients/{step}", 17).to(dtype)
            optimizer.step()
            after.append(weight.detach().clone())
        record.add(f"{name}.parameters", torch.stack(after))
        for key in ["momentum_buffer", "exp_avg", "exp_avg_sq"]:
            if optimizer.state[weight].get(key) is not None:
                record.add(f"{name}.{key}", optimizer.state[weight][key])
    # Clipping of the norm over two tensors together; 1e9 leaves them as they are.
    for key, limit in [("clipped", 1.0), ("unclipped", 1e9)]:
        pair = {name: nn.Parameter(torch.zeros(n, dtype=dtype)) for name, n in [("a", 17), ("b", 5)]}
        for name, weight in pair.items():
            weight.grad = hashed.signed(f"optimizers/clip/{name}", weight.numel()).to(dtype)
        record.add(f"{key}.norm", nn.utils.clip_grad_norm_(pair.values(), limit).reshape(1))
        for name, weight in pair.items():
            record.add(f"{key}.{name}", weight.grad)
    return record


def schedules(dtype: torch.dtype) -> Record:
    """The learning rate of each of 20 steps."""
    record = Record("schedules")
    schedulers = optim.lr_scheduler
    makers = {
        "constant": lambda o: schedulers.LambdaLR(o, lambda _: 1.0),
        "step": lambda o: schedulers.StepLR(o, 6, gamma=0.1),
        "milestones": lambda o: schedulers.MultiStepLR(o, [10, 15], gamma=0.1),
        "cosine": lambda o: schedulers.CosineAnnealingLR(o, EPOCHS),
        "cosine-floor": lambda o: schedulers.CosineAnnealingLR(o, EPOCHS, eta_min=0.01),
        "one-cycle": lambda o: schedulers.OneCycleLR(o, 0.2, EPOCHS, cycle_momentum=False),
        "one-cycle-linear": lambda o: schedulers.OneCycleLR(
            o, 0.2, EPOCHS, pct_start=0.4, anneal_strategy="linear", div_factor=10, final_div_factor=100, cycle_momentum=False
        ),
    }
    for name, make in makers.items():
        optimizer = optim.SGD([nn.Parameter(torch.zeros(1, dtype=dtype))], 0.2)
        scheduler = make(optimizer)
        rates = []
        for _ in range(EPOCHS):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        record.add(name, torch.tensor(rates, dtype=torch.float64))
    return record


CASES = {"optimizers": optimizers, "schedules": schedules}
