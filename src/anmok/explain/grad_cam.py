"""Grad-CAM: where in the image lies what speaks for a class?

Selvaraju et al. 2017, arXiv:1610.02391, eq. 1-2: the channels of a feature map, weighted by the mean slope of
the class's logit over each, summed and rectified.
The map is that of the last stage - in networks from elsewhere, block - with at least 4 x 4 places on which the logit
depends; without one, the finest. The head of a network with a class token reads nothing else of the last stage, so
there it is the one before; and small images leave a CNN 2 x 2 places at its end, which tell nothing apart.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from einops import einsum, reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Backbone
from anmok.capture import as_map, as_tensor, find_blocks, outputs, untouched
from anmok.catalogue.foreign import Foreign
from anmok.errors import RequestError
from anmok.explain.heat import ALWAYS_FIT, logits_of, rectified, resampled, targets_of
from anmok.shapes import FeatureMap, Images, Labels

_PLACES = 16  # that a map has where there is one
_ANSWER = "the network"  # no module has a name with a space


class _Levels(NamedTuple):
    """Where to look: modules in the order of execution, and how to view what they put out."""

    modules: Mapping[str, nn.Module]
    view: Callable[[Any], FeatureMap | None]


class _Map(NamedTuple):
    """A feature map, and the slope of the score over it."""

    features: FeatureMap
    slopes: FeatureMap

    @property
    def places(self) -> int:
        return self.features.shape[2:].numel()


def grad_cam(network: nn.Module, images: Images, target: int | Labels) -> Float[Tensor, "b height width"]:
    """Heat maps in [0, 1] at the size of the images; 1 is each map's maximum, and a map without heat is 0.

    `target` is a class, or one for each image. Raises `RequestError` where the network has no feature map.
    """
    pixels = images.detach().clone().requires_grad_()
    with untouched(network), torch.enable_grad():
        levels = _levels(network, images)
        found = outputs(network, pixels, {**levels.modules, _ANSWER: network})
        logits = logits_of(found.pop(_ANSWER))
        score = logits.gather(1, targets_of(target, logits)[:, None]).sum()
        map = _chosen_map(found, score, levels.view)
    weights = reduce(map.slopes, "b c h w -> b c", "mean")
    heat = einsum(weights, map.features.detach(), "b c, b c h w -> b h w").relu()
    return rectified(resampled(heat, images))


def _levels(network: nn.Module, images: Images) -> _Levels:
    """The stages of a backbone of ours; of any other network the blocks."""
    for module in network.modules():
        if isinstance(module, Backbone) and not isinstance(module, Foreign):
            return _Levels({str(i): stage for i, stage in enumerate(module.stages)}, module.as_map)
    height, width = images.shape[2:]
    return _Levels(find_blocks(network, images), partial(as_map, size=(height, width), batch=len(images)))


def _chosen_map(found: Mapping[str, Any], score: Tensor, view: Callable[[Any], FeatureMap | None]) -> _Map:
    if not score.requires_grad:
        raise RequestError("Grad-CAM needs gradients, and this network answers without any. Choose occlusion.")
    pairs = [(state, _values(state)) for state in found.values()]
    states = [(state, values) for state, values in pairs if values is not None and values.requires_grad]
    inputs = [values for _, values in states]
    slopes = torch.autograd.grad(score, inputs, allow_unused=True, materialize_grads=True) if inputs else ()
    maps = [
        _Map(features, seen)
        for (state, _), slope in zip(states, slopes, strict=True)
        if (features := view(state)) is not None and (seen := view(_with_values(state, slope))) is not None
    ]
    placed = [map for map in maps if map.places > 1]
    if not placed:
        raise RequestError(
            f"Grad-CAM shows places of a feature map, and this network has none with several places. {ALWAYS_FIT}"
        )
    seen_by_head = [map for map in placed if map.slopes.any()] or placed
    fine = [map for map in seen_by_head if map.places >= _PLACES]
    return fine[-1] if fine else max(reversed(seen_by_head), key=lambda map: map.places)


def _values(state: Any) -> Tensor | None:
    return state.tokens if _holds_tokens(state) else as_tensor(state)


def _with_values(state: Any, values: Tensor) -> Any:
    return state._replace(tokens=values) if _holds_tokens(state) else values


def _holds_tokens(state: Any) -> bool:
    """Whether it is a grid: the zoo has more than one kind of it."""
    return hasattr(state, "_replace") and hasattr(state, "tokens")
