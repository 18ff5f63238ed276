"""Optimisers, and which parameters decay and learn at which rate."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from anmok.errors import RequestError
from anmok.training.choices import Optimizer
from anmok.training.depth import Layers, find_layers, outermost
from anmok.training.lamb import Lamb
from anmok.training.muon import Muon
from anmok.training.recipe import Recipe
from anmok.training.schedule import learning_rate, peak, share_below_head
from anmok.training.sharded import is_sharded


class _Place(NamedTuple):
    """What the parameters of a group have in common."""

    stays: bool  # does not decay
    layer: int
    in_head: bool
    turns: bool  # its steps are orthogonal


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
            fused = not is_sharded(network)  # for parts of weights PyTorch has no fused step of SGD
            return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=fused)
        case Optimizer.LAMB:
            return Lamb(groups, lr=rate, betas=recipe.betas, eps=recipe.epsilon)
        case Optimizer.RMSPROP:
            _, square = recipe.betas
            return torch.optim.RMSprop(groups, lr=rate, alpha=square, eps=recipe.epsilon, momentum=recipe.momentum)
        case Optimizer.MUON:
            return Muon(groups, lr=rate, momentum=recipe.momentum, betas=recipe.betas, eps=recipe.epsilon)


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
    layers = _find_layers(network, recipe)
    members: dict[_Place, list[Tensor]] = {}
    for name, p in network.named_parameters():
        if p.requires_grad:
            stays = sum(length > 1 for length in p.shape) <= 1 or name in kept
            in_head = layers is not None and name in layers.head
            turns = recipe.optimizer is Optimizer.MUON and not (stays or in_head or _is_depthwise(p))
            place = _Place(stays, layers.numbers[name] if layers else 0, in_head, turns)
            members.setdefault(place, []).append(p)
    last = layers.last if layers else 0
    return [
        {
            "params": members[place],
            "weight_decay": 0.0 if place.stays else recipe.weight_decay,
            "share": recipe.layer_decay ** (last - place.layer),
            "in_head": place.in_head,
        }
        | ({"orthogonal": place.turns} if recipe.optimizer is Optimizer.MUON else {})
        for place in sorted(members)
    ]


def _find_layers(network: nn.Module, recipe: Recipe) -> Layers | None:
    """The layers by depth, where the recipe needs them; raises `RequestError` where the network does not know."""
    needs = {
        "layer_decay": (recipe.layer_decay < 1, "1"),
        "head_epochs": (recipe.head_epochs > 0, "0"),
        "optimizer": (recipe.optimizer is Optimizer.MUON, "adamw"),
    }
    wanted = [(name, off) for name, (needed, off) in needs.items() if needed]
    layers = find_layers(network) if wanted else None
    if wanted and layers is None:
        name, off = wanted[0]
        raise RequestError(
            f"The recipe's {name} needs a network that sorts its parameters by depth (group_matcher): "
            f"got {getattr(recipe, name)} and a {type(network).__name__}. Set {name} to {off}."
        )
    return layers


def _is_depthwise(kernel: Tensor) -> bool:
    return kernel.ndim == 4 and kernel.shape[1] == 1


def _without_decay(network: nn.Module) -> set[str]:
    prefix, inner = outermost(network, "no_weight_decay")
    return {prefix + name for name in inner.no_weight_decay()} if inner is not None else set()
