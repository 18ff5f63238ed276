"""Two images in one: mixup and CutMix."""

from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from anmok.shapes import Images, Labels

Targets: TypeAlias = Float[Tensor, "b k"]  # shares of the classes, 1 together


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """How the images of a batch are mixed with each other."""

    mixup: float = 0.0  # both parameters of the beta distribution that shares come from; 0: no mixup
    cutmix: float = 0.0  # the same
    probability: float = 1.0  # that a batch is mixed
    cutmix_share: float = 0.5  # of the mixed batches where mixup is on too


def one_hot(labels: Labels, num_classes: int, smoothing: float = 0.0) -> Targets:
    """All on the label's class, but for `smoothing`, which all classes share (Szegedy et al. 2016, sec. 7)."""
    return functional.one_hot(labels, num_classes).float().mul_(1 - smoothing).add_(smoothing / num_classes)


def mix(images: Images, targets: Targets, mixing: Mixing, random: np.random.Generator) -> tuple[Images, Targets]:
    """Mix each image with its neighbour, 2k with 2k + 1; an odd last one stays as it is.

    A batch has one share, so that parts of it, each with the same random numbers, are mixed as the whole is.
    Mixup: Zhang et al. 2018, arXiv:1710.09412. CutMix: Yun et al. 2019, arXiv:1905.04899; the share is
    the exact one of the pixels, after the rectangle is cut off at the image's border.
    """
    mixed, cut = random.random(2) < (mixing.probability, mixing.cutmix_share)
    cut = bool(mixing.cutmix) and (bool(cut) or not mixing.mixup)
    alpha = mixing.cutmix if cut else mixing.mixup
    if not (mixed and alpha):
        return images, targets
    other = float(random.beta(alpha, alpha))  # share of the neighbour
    if not cut:
        return torch.lerp(images, _neighbours(images), other), torch.lerp(targets, _neighbours(targets), other)
    height, width = images.shape[2:]
    rows, columns = (_cut(side, sqrt(other), random) for side in (height, width))
    result = images.clone()
    result[:, :, rows, columns] = _neighbours(images[:, :, rows, columns])
    other = (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return result, torch.lerp(targets, _neighbours(targets), other)


def _neighbours(values: Tensor) -> Tensor:
    even = len(values) // 2 * 2
    pairs = rearrange(values[:even], "(pair two) ... -> pair two ...", two=2)
    return torch.cat((rearrange(pairs.flip(1), "pair two ... -> (pair two) ..."), values[even:]))


def _cut(side: int, share: float, random: np.random.Generator) -> slice:
    centre, length = int(random.integers(side)), int(side * share)
    return slice(max(0, centre - length // 2), min(side, centre - length // 2 + length))
