"""Optimisers and the learning rate's course."""

from math import cos, pi

import torch
from torch import nn

from anmok.training.recipe import Optimizer, Recipe


def build_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser; vectors (biases, norms, gains, class tokens) are not decayed."""
    trainable = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.squeeze().ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trainable if p.squeeze().ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer is Optimizer.SGD:
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True, fused=True)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, step: int, steps: int) -> None:
    """Set the rate for one step of `steps`."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(recipe, step, steps)


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Linear from near zero over the warm-up, then half a cosine to zero (Loshchilov & Hutter 2017, eq. 5)."""
    warmup = recipe.warmup * steps
    if step < warmup:
        return recipe.learning_rate * (step + 1) / (warmup + 1)
    return recipe.learning_rate * 0.5 * (1 + cos(pi * (step - warmup) / (steps - warmup)))
