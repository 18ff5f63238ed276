"""The methods by name, and the heat maps of a handful of images."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok.errors import UnknownNameError
from anmok.explain.grad_cam import grad_cam
from anmok.explain.integrated_gradients import integrated_gradients
from anmok.explain.occlusion import occlusion
from anmok.explain.rollout import attention_rollout
from anmok.shapes import Images, Labels, Pixels

Method: TypeAlias = Callable[[nn.Module, Images, int | Labels], Float[Tensor, "b height width"]]

METHODS: Mapping[str, Method] = {
    "grad-cam": grad_cam,
    "rollout": attention_rollout,
    "integrated-gradients": integrated_gradients,
    "occlusion": occlusion,
}
_CHUNK = 8  # images whose gradients are held at once


def explanations(
    network: nn.Module, pixels: Pixels, targets: Labels, method: str = "grad-cam"
) -> Float[Tensor, "b height width"]:
    """Heat maps in [0, 1], on the CPU: where in each image lies what speaks for its target.

    Raises `UnknownNameError` for a method that there is not, and `RequestError` for one that does not fit the network.
    """
    explain = require_method(method)
    tensors = (*network.parameters(), *network.buffers())
    device = tensors[0].device if tensors else torch.device("cpu")
    parts = zip(pixels.split(_CHUNK), targets.split(_CHUNK), strict=True)
    return torch.cat([explain(network, part.to(device).float().div_(255), to.to(device)).cpu() for part, to in parts])


def require_method(name: str) -> Method:
    """The method of a name."""
    if name in METHODS:
        return METHODS[name]
    near = get_close_matches(name, METHODS, n=1)
    remedy = f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(METHODS)}."
    raise UnknownNameError(f"No method of explanation is called '{name}'. {remedy}")
