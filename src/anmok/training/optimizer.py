"""Optimisers, and which parameters decay and learn at which rate."""

from typing import Any

import torch
from torch import Tensor, nn

from anmok.errors import RequestError
from anmok.training.choices import Optimizer
from anmok.training.depth import find_layers, outermost
from anmok.training.lamb import Lamb
from anmok.training.recipe import Recipe
from anmok.training.schedule import learning_rate, peak, share_below_head


def build_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over the parameters that learn, in an order that depends on the network alone.

    PyTorch's momentum of SGD is Nesterov's; its RMSprop adds epsilon to the root, and starts the mean square at 0.
    """
    groups, rate = _groups(network, recipe), peak(recipe)
    match recipe.optimizer:
        case Optimizer.ADAMW:
            return torch.optim.AdamW(groups, lr=rate, betas=recipe.betas, eps=recipe.epsilon, fused=True)
        case Optimizer.SGD:
            momentum = recipe.momentum
            return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=True)
        case Optimizer.LAMB:
            return Lamb(groups, lr=rate, betas=recipe.betas, eps=recipe.epsilon)
        case Optimizer.RMSPROP:
            _, square = recipe.betas
            return torch.optim.RMSprop(groups, lr=rate, alpha=square, eps=recipe.epsilon, momentum=recipe.momentum)


def set_learning_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, step: int, steps: int) -> None:
    """Set every group's rate for one step of `steps`.

    While only the head learns, the rate of all else is 0: its moments are ready when its turn comes, and networks
    that are wrapped for several processes or compiled need not know.
    """
    rate, below_head = learning_rate(recipe, step, steps), share_below_head(recipe, step, steps)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"] * (1 if group["in_head"] else below_head)


def _groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameters by decay and layer: those that decay first, then from the input on.

    Neither vectors (biases, norms, gains, class tokens) decay nor what the network says should not. The rate of
    layer i of n is multiplied by layer_decay^(n - 1 - i) (Clark et al. 2020, arXiv:2003.10555; Bao et al. 2022,
    arXiv:2106.08254).
    """
    kept = _without_decay(network)
    layers = find_layers(network) if recipe.layer_decay < 1 or recipe.head_epochs > 0 else None
    if layers is None and recipe.layer_decay < 1:
        raise RequestError(_unsorted(network, "layer_decay", recipe.layer_decay, 1))
    if layers is None and recipe.head_epochs > 0:
        raise RequestError(_unsorted(network, "head_epochs", recipe.head_epochs, 0))
    members: dict[tuple[bool, int, bool], list[Tensor]] = {}
    for name, p in network.named_parameters():
        if p.requires_grad:
            stays = p.squeeze().ndim <= 1 or name in kept
            key = (stays, layers.numbers[name], name in layers.head) if layers else (stays, 0, False)
            members.setdefault(key, []).append(p)
    last = layers.last if layers else 0
    return [
        {
            "params": members[stays, layer, in_head],
            "weight_decay": 0.0 if stays else recipe.weight_decay,
            "share": recipe.layer_decay ** (last - layer),
            "in_head": in_head,
        }
        for stays, layer, in_head in sorted(members)
    ]


def _without_decay(network: nn.Module) -> set[str]:
    prefix, inner = outermost(network, "no_weight_decay")
    return {prefix + name for name in inner.no_weight_decay()} if inner is not None else set()


def _unsorted(network: nn.Module, name: str, value: float, off: int) -> str:
    return (
        f"The recipe's {name} needs a network that sorts its parameters by depth (group_matcher): "
        f"got {value:g} and a {type(network).__name__}. Set {name} to {off}."
    )
