"""Learning rates of PyTorch's schedulers, as factors on the largest, step by step."""

import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch
from torch.optim import lr_scheduler as schedulers

import marque_golden as golden

STEPS_PER_EPOCH, EPOCHS = 5, 10
STEPS = STEPS_PER_EPOCH * EPOCHS
# Losses that fall, stand still, and rise.
LOSSES = [2.0, 1.5, 1.49999, 1.5, 1.2, 1.3, 1.25, 1.2, 1.4, 1.19]
WARMUP = 10


def factors(make, per_epoch=False, losses=None):
    """The rate of every step of a training whose largest rate is 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    found = []
    for step in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        ends_epoch = (step + 1) % STEPS_PER_EPOCH == 0
        if losses is not None:
            if ends_epoch:
                scheduler.step(losses[step // STEPS_PER_EPOCH])
        elif (ends_epoch or not per_epoch) and step + 1 < STEPS:
            scheduler.step()
    return np.array(found)


def after_a_rise(make):
    """A linear rise, then the schedule."""

    def both(optimizer):
        rise = schedulers.LinearLR(optimizer, start_factor=1 / WARMUP, total_iters=WARMUP - 1)
        return schedulers.SequentialLR(optimizer, [rise, make(optimizer)], milestones=[WARMUP])

    return both


# PyTorch warns of how its own SequentialLR calls schedulers.
warnings.filterwarnings("ignore")
tensors = {
    "losses": np.array(LOSSES),
    "step": factors(lambda optimizer: schedulers.StepLR(optimizer, 3, 0.5), per_epoch=True),
    "multi_step": factors(lambda optimizer: schedulers.MultiStepLR(optimizer, [2, 7], 0.1), per_epoch=True),
    "exponential": factors(lambda optimizer: schedulers.ExponentialLR(optimizer, 0.8), per_epoch=True),
    "exponential_per_step": factors(lambda optimizer: schedulers.ExponentialLR(optimizer, 0.95)),
    "polynomial": factors(lambda optimizer: schedulers.PolynomialLR(optimizer, STEPS, 2.0)),
    "polynomial_per_epoch": factors(
        lambda optimizer: schedulers.PolynomialLR(optimizer, EPOCHS, 0.5), per_epoch=True
    ),
    "cosine": factors(lambda optimizer: schedulers.CosineAnnealingLR(optimizer, STEPS)),
    "cosine_end_per_epoch": factors(
        lambda optimizer: schedulers.CosineAnnealingLR(optimizer, EPOCHS, eta_min=0.1), per_epoch=True
    ),
    "cosine_restarts": factors(lambda optimizer: schedulers.CosineAnnealingWarmRestarts(optimizer, 10)),
    # A cycle of 10 steps and one of 40.
    "cosine_growth": factors(lambda optimizer: schedulers.CosineAnnealingWarmRestarts(optimizer, 10, 4)),
    "warm_cosine": factors(
        after_a_rise(lambda optimizer: schedulers.CosineAnnealingLR(optimizer, STEPS - WARMUP))
    ),
    "one_cycle": factors(
        lambda optimizer: schedulers.OneCycleLR(optimizer, 1.0, total_steps=STEPS, cycle_momentum=False)
    ),
    "plateau": factors(
        lambda optimizer: schedulers.ReduceLROnPlateau(optimizer, factor=0.5, patience=1), losses=LOSSES
    ),
    "plateau_cooldown": factors(
        lambda optimizer: schedulers.ReduceLROnPlateau(
            optimizer, factor=0.1, patience=0, threshold=0.1, cooldown=1, min_lr=0.05
        ),
        losses=LOSSES,
    ),
}
golden.save_tensors(HERE / "io.safetensors", tensors)
golden.save_versions(HERE, "numpy", "torch")
