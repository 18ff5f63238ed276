"""Learnt numbers of one grid, made for another."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from anmok.shapes import FeatureMap


def resample(
    map: FeatureMap, size: tuple[int, int], mode: Literal["bilinear", "bicubic"] = "bicubic"
) -> Float[Tensor, "b c rows columns"]:
    """A map of another height and width, antialiased where that is smaller.

    One axis after the other, each as the columns: torch 2.13 resamples rows wrongly on a CPU where a single column is
    wanted. In single precision, since half has no antialiased interpolation on all devices.
    """
    x = interpolate(map.float(), size=(map.shape[2], size[1]), mode=mode, antialias=True)
    x = interpolate(x.mT, size=(size[1], size[0]), mode=mode, antialias=True)
    return x.mT.to(map.dtype)
