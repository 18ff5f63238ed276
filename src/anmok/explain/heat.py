"""Heat maps: what they are scaled to, and what an explanation needs of a network's answer."""

from math import ceil
from typing import Any

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from anmok.errors import RequestError
from anmok.shapes import Images, Labels, Logits

ALWAYS_FIT = "integrated-gradients and occlusion fit any network."


def rectified(heat: Float[Tensor, "b height width"], *, saturated: float = 0.0) -> Float[Tensor, "b height width"]:
    """What speaks for a class, in [0, 1]: the negative part is cut off, and the rest divided by each map's maximum.

    The hottest share `saturated` of the pixels is 1, so that a few of them do not leave all others black. A map
    without heat is 0.
    """
    heat = heat.relu()
    ranked = rearrange(heat, "b height width -> b (height width)")
    hot = ranked.kthvalue(max(1, ceil((1 - saturated) * ranked.shape[1])), dim=1, keepdim=True).values
    peak = rearrange(torch.where(hot > 0, hot, ranked.amax(1, keepdim=True)), "b 1 -> b 1 1")
    return torch.where(peak > 0, heat / peak, 0.0).clamp(max=1)


def stretched(heat: Float[Tensor, "b height width"]) -> Float[Tensor, "b height width"]:
    """Heat from each map's minimum, which becomes 0, to its maximum, which becomes 1."""
    return rectified(heat - reduce(heat, "b height width -> b 1 1", "min"))


def resampled(heat: Float[Tensor, "b h w"], like: Images) -> Float[Tensor, "b height width"]:
    """A coarse map at the size of the images."""
    heat = F.interpolate(rearrange(heat, "b h w -> b 1 h w"), size=like.shape[2:], mode="bilinear")
    return rearrange(heat, "b 1 height width -> b height width")


def logits_of(answer: Any) -> Logits:
    """The logits in what a network gives, which some wrap; raises `RequestError` where there are none."""
    answer = getattr(answer, "logits", answer)
    answer = answer[0] if isinstance(answer, tuple | list) and answer else answer
    if not isinstance(answer, Tensor) or answer.ndim != 2:
        shape = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        raise RequestError(f"An explanation needs a logit for each image and class: the network gives {shape}.")
    return answer


def targets_of(target: int | Labels, logits: Logits) -> Labels:
    """The class to explain for each image; raises `RequestError` where the network has no such class."""
    count, num_classes = logits.shape
    chosen = torch.as_tensor(target, device=logits.device).expand(count)
    if not bool(((chosen >= 0) & (chosen < num_classes)).all()):
        raise RequestError(
            f"This network has {num_classes} classes: got target {target}. Choose from 0 to {num_classes - 1}."
        )
    return chosen
