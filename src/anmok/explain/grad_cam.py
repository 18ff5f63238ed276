"""Grad-CAM: where in the image lies what speaks for a class?

Selvaraju et al. 2017, arXiv:1610.02391, eq. 1-2: the channels of a feature map, weighted by the mean slope of
the class's logit over each, summed and rectified.
The map is that of the last stage that has more than one place and on which the logit depends: the head of a
network with a class token reads nothing else of the last stage, so there it is the stage before.
"""

from typing import Any, NamedTuple

import torch
from einops import einsum, rearrange, reduce
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from anmok.backbone import Backbone
from anmok.backbone.evaluating import evaluating
from anmok.errors import RequestError
from anmok.shapes import FeatureMap, Images, Labels, Logits


class _Stage(NamedTuple):
    """What a stage put out, and the slope of the score over it."""

    features: FeatureMap
    slopes: FeatureMap


def grad_cam(network: nn.Module, images: Images, target: int | Labels) -> Float[Tensor, "b height width"]:
    """Heat maps in [0, 1] at the size of the images; 1 is each map's maximum, and a map without heat is 0.

    `network` is a backbone, or a classifier that holds one; `target` is a class, or one for each image.
    """
    backbone = _backbone_of(network)
    pixels = images.detach().clone().requires_grad_()
    with evaluating(network), torch.enable_grad():
        states, logits = _record(network, backbone, pixels)
        score = logits.gather(1, _targets(target, logits)).sum()
        gradients = torch.autograd.grad(score, [_values(state) for state in states])
    stages = [
        _Stage(backbone.as_map(state), backbone.as_map(_with_values(state, gradient)))
        for state, gradient in zip(states, gradients, strict=True)
    ]
    features, slopes = _last_with_places(stages, type(backbone).__name__)
    weights = reduce(slopes, "b c h w -> b c", "mean")
    heat = einsum(weights, features.detach(), "b c, b c h w -> b h w").relu()
    heat = F.interpolate(rearrange(heat, "b h w -> b 1 h w"), size=images.shape[2:], mode="bilinear")
    heat = rearrange(heat, "b 1 height width -> b height width")
    peak = reduce(heat, "b height width -> b 1 1", "max")
    return torch.where(peak > 0, heat / peak, 0.0)


def _backbone_of(network: nn.Module) -> Backbone:
    for module in network.modules():
        if isinstance(module, Backbone):
            return module
    raise RequestError(
        f"Grad-CAM reads a backbone's feature maps: {type(network).__name__} holds none. "
        "Give a network of anmok.create_model, or a classifier trained by Anmok."
    )


def _record(network: nn.Module, backbone: Backbone, images: Images) -> tuple[list[Any], Logits]:
    """The output of every stage, and the logits."""
    states: list[Any] = []
    hooks = [stage.register_forward_hook(lambda *call: states.append(call[-1])) for stage in backbone.stages]
    try:
        logits = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return states, logits


def _targets(target: int | Labels, logits: Logits) -> Tensor:
    count, num_classes = logits.shape
    chosen = torch.as_tensor(target, device=logits.device).expand(count)
    if not bool(((chosen >= 0) & (chosen < num_classes)).all()):
        raise RequestError(
            f"This network has {num_classes} classes: got target {target}. Choose from 0 to {num_classes - 1}."
        )
    return rearrange(chosen, "b -> b 1")


def _last_with_places(stages: list[_Stage], name: str) -> _Stage:
    placed = [stage for stage in stages if stage.features.shape[2:].numel() > 1]
    if not placed:
        raise RequestError(
            f"Grad-CAM shows places of a feature map: every stage of {name} has only one. "
            "Choose a CNN, a Transformer or a hybrid."
        )
    return next((stage for stage in reversed(placed) if stage.slopes.any()), placed[-1])


def _values(state: Any) -> Tensor:
    return state if isinstance(state, Tensor) else state.tokens


def _with_values(state: Any, values: Tensor) -> Any:
    return values if isinstance(state, Tensor) else state._replace(tokens=values)
