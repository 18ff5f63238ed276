"""Which cues tell the classes apart: three plain descriptions of an image, each with a linear head.

No network is involved, so this is a fact about the images: what a network would have to be good at. Random filters as
in Jarrett et al. 2009 (ICCV), whose statistics over all places say nothing of where; thumbnails say nothing of
texture; colour histograms nothing of either.
"""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from anmok.evaluation.metrics import accuracy
from anmok.scores.leave_one_out import LeaveOneOut
from anmok.scores.material import Features, ImageLabels
from anmok.scores.ridge import ridge
from anmok.shapes import Pixels

_FILTERS, _SIDE = 48, 5
_THUMBNAIL = 8
_LEVELS = 4  # of each colour
_CHUNK = 256  # images at once


@dataclass(frozen=True, kw_only=True)
class Cues:
    """What a ridge classifier answers for each image left out, from one cue alone."""

    texture: LeaveOneOut  # means and deviations of random local filters over all places, in any order
    layout: LeaveOneOut  # grey thumbnails of 8 x 8 pixels
    colour: LeaveOneOut  # histograms of 4 x 4 x 4 colours
    chance: float  # share of the most frequent class
    placement: float  # standard deviation of where the detail's centre lies, in sides of the image, mean over axes


def cues(pixels: Pixels, labels: ImageLabels) -> Cues:
    """Ask each cue of images of one size, in colour. Linear heads read each cue's strength, not all of it."""
    parts = [part.float().div(255) for part in pixels.split(_CHUNK)]
    told = {name: torch.cat([of(part) for part in parts]).double().numpy() for name, of in _DESCRIPTIONS.items()}
    heads = {name: _head(features, labels) for name, features in told.items()}
    chance = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
    centres = torch.cat([_centre_of_detail(part) for part in parts])
    return Cues(**heads, chance=chance, placement=float(centres.std(0).mean()))


def _centre_of_detail(images: Float[Tensor, "b c height width"]) -> Float[Tensor, "b 2"]:
    """Mean row and column of the steps between neighbours, weighed by their size, in sides; even images' lies amid."""
    grey = reduce(images, "b c height width -> b height width", "mean")
    steps = grey.diff(dim=1)[:, :, 1:].abs() + grey.diff(dim=2)[:, 1:].abs() + 1e-6
    shares = steps / reduce(steps, "b h w -> b 1 1", "sum")
    axes = [torch.linspace(0, 1, side) for side in steps.shape[1:]]
    return torch.stack([shares.sum(2) @ axes[0], shares.sum(1) @ axes[1]], dim=1)


def _texture(images: Float[Tensor, "b c height width"]) -> Float[Tensor, "b d"]:
    """At full and at half the resolution."""
    grey = reduce(images, "b c height width -> b 1 height width", "mean")
    filters = torch.randn(_FILTERS, 1, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))
    filters -= reduce(filters, "f 1 h w -> f 1 1 1", "mean")
    filters /= filters.flatten(1).norm(dim=1)[:, None, None, None]
    found = []
    for scale in (grey, F.avg_pool2d(grey, 2)):
        strength = F.conv2d(scale, filters).abs()
        mean, power = (reduce(part, "b f h w -> b f", "mean") for part in (strength, strength.square()))
        found += [mean, (power - mean.square()).clamp(min=0).sqrt()]
    return torch.cat(found, dim=1)


def _layout(images: Float[Tensor, "b c height width"]) -> Float[Tensor, "b d"]:
    grey = reduce(images, "b c height width -> b 1 height width", "mean")
    return F.adaptive_avg_pool2d(grey, _THUMBNAIL).flatten(1)


def _colour(images: Float[Tensor, "b c height width"]) -> Float[Tensor, "b d"]:
    level = (images * _LEVELS).long().clamp(max=_LEVELS - 1)
    bins = (level * torch.tensor([_LEVELS**2, _LEVELS, 1])[:, None, None]).sum(1)
    counts = F.one_hot(rearrange(bins, "b h w -> b (h w)"), _LEVELS**3).float()
    return reduce(counts, "b places bins -> b bins", "mean").sqrt()  # Hellinger's: rare colours count too


_DESCRIPTIONS = {"texture": _texture, "layout": _layout, "colour": _colour}


def _head(features: Features, labels: ImageLabels) -> LeaveOneOut:
    """On features in units of their deviations; a cue that never varies names the most frequent class."""
    deviation = features.std(0)
    kept = deviation > 1e-5 * np.abs(features).max()  # rounding is no cue
    if kept.any():
        return ridge((features[:, kept] - features[:, kept].mean(0)) / deviation[kept], labels)
    known, counts = np.unique(labels, return_counts=True)
    predicted = np.full_like(labels, known[counts.argmax()])
    right = predicted == labels
    return LeaveOneOut(predicted=predicted, correct=right, accuracy=accuracy(right), regularisation=0.0)
