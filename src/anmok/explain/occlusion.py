"""Occlusion: how much does the logit fall when a square of the image is hidden?

Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2, with Captum: a square moves over the image, and each pixel is
given the mean fall over the squares that hide it. Departs from the paper: behind the square is the blurred image, not
grey, whose edges a network may take for something; and the logit is compared, which does not saturate as the
probability does.
"""

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.capture import untouched
from anmok.catalogue.makers import require_package
from anmok.explain.absent import blurred
from anmok.explain.heat import logits_of, rectified, targets_of
from anmok.shapes import Images, Labels

_SQUARES = 6  # that fit along the shorter side
_AT_ONCE = 32  # squares


def occlusion(network: nn.Module, images: Images, target: int | Labels) -> Float[Tensor, "b height width"]:
    """Heat maps in [0, 1] at the size of the images."""
    falls = pixel_falls(network, images, target, blurred(images), side_of_square(images))
    return rectified(reduce(falls, "b c height width -> b height width", "mean"))


def side_of_square(images: Images) -> int:
    """Pixels; the square moves by half of it."""
    return max(2, round(min(images.shape[2:]) / _SQUARES))


def pixel_falls(network: nn.Module, images: Images, target: int | Labels, behind: Images, side: int) -> Images:
    """Mean fall of the logit over the squares that hide a pixel; the same for all channels.

    Raises `RequestError` where Captum is not installed.
    """
    attr = require_package("captum", "occlusion").attr
    channels = images.shape[1]
    with untouched(network), torch.no_grad():
        return attr.Occlusion(lambda batch: logits_of(network(batch))).attribute(
            images,
            (channels, side, side),
            strides=(channels, side // 2, side // 2),
            baselines=behind,
            target=targets_of(target, logits_of(network(images))),
            perturbations_per_eval=_AT_ONCE,
        )
