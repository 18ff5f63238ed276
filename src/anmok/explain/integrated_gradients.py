"""Integrated gradients: how much of the logit does every pixel account for?

Sundararajan, Taly & Yan 2017, arXiv:1703.01365, eq. 1, with Captum: the slope of the logit, averaged along the
straight way from a baseline to the image, times the difference of the two. Over all pixels and channels that sums to
the difference of the logits (completeness). Departs from the paper: the baseline is the blurred image, not a black
one, to which dark pixels never count.
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

STEPS = 32  # of Gauss and Legendre
_SATURATED = 0.01  # share of the pixels that are drawn as the hottest


def integrated_gradients(network: nn.Module, images: Images, target: int | Labels) -> Float[Tensor, "b height width"]:
    """Heat maps in [0, 1] at the size of the images: the channels' sum where it speaks for the class."""
    shares = pixel_shares(network, images, target, blurred(images))
    return rectified(reduce(shares, "b c height width -> b height width", "sum"), saturated=_SATURATED)


def pixel_shares(network: nn.Module, images: Images, target: int | Labels, baseline: Images) -> Images:
    """What every number of the images adds to the logit, compared with the baseline; negative where it takes away.

    Raises `RequestError` where Captum is not installed.
    """
    attr = require_package("captum", "integrated-gradients").attr
    with untouched(network), torch.enable_grad():
        with torch.no_grad():
            chosen = targets_of(target, logits_of(network(images)))
        method = attr.IntegratedGradients(lambda batch: logits_of(network(batch)))
        pairs = zip(images.detach().clone().split(1), baseline.split(1), chosen, strict=True)
        shares = [
            method.attribute(image.requires_grad_(), base, target=int(label), n_steps=STEPS)
            for image, base, label in pairs
        ]
    return torch.cat(shares).detach().to(images.dtype)
