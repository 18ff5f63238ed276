"""Another operation for each image of a batch, yet whole groups of images at once."""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from anmok.data.augment.color import added, brightened, contrasted, inverted, saturated, sharpened
from anmok.data.augment.curves import autocontrasted, equalized
from anmok.data.augment.geometry import moved, slid, transformed
from anmok.shapes import Pixels

_CACHED = 2**18  # values worked on at once by a CPU: more, with what is made of them, would not fit in its cache

Chosen: TypeAlias = Int[np.ndarray, " b"]  # values of Operation, one per image
Strengths: TypeAlias = Float[np.ndarray, " b"]  # of the operations, each in its unit


class Operation(IntEnum):
    """What can be done to an image; those that are done together stand together."""

    IDENTITY = 0
    SHEAR_X = 1  # strength: pixels to the right per pixel down
    SHEAR_Y = 2  # pixels down per pixel to the right
    TRANSLATE_X = 3  # share of the width, which is rounded to whole pixels
    TRANSLATE_Y = 4  # share of the height, the same
    ROTATE = 5  # degrees, counter-clockwise
    BRIGHTNESS = 6  # factor, as for contrast, color and sharpness
    CONTRAST = 7
    COLOR = 8
    SHARPNESS = 9
    AUTOCONTRAST = 10
    EQUALIZE = 11
    SOLARIZE_ADD = 12  # levels that are added
    INVERT = 13
    POSTERIZE = 14  # bits that are kept
    SOLARIZE = 15  # first level that is inverted


class Layer(NamedTuple):
    """One operation for each image."""

    operations: Chosen
    strengths: Strengths


def operate(pixels: Pixels, layers: Sequence[Layer]) -> Pixels:
    """Do to each image its operation of each layer, one after the other."""
    result = pixels.clone()
    for layer in layers:
        _work_off(result, layer)
    return result


def _work_off(pixels: Pixels, layer: Layer) -> None:
    few = max(1, _CACHED // max(1, pixels[:1].numel()) if pixels.device.type == "cpu" else len(pixels))
    order = np.argsort(layer.operations, kind="stable")
    ends = np.searchsorted(layer.operations[order], [Operation.IDENTITY, *_WORK], side="right")
    for (numbers, change), images in zip(_WORK.values(), np.split(order, ends)[1:-1], strict=True):
        if len(images) == 0:
            continue
        values = numbers(layer.operations[images], layer.strengths[images], pixels.shape[2:])
        parts = (torch.from_numpy(each).to(pixels.device).split(few) for each in (images, *values))
        for some, *own in zip(*parts, strict=True):
            _replace(pixels, some, change(pixels.index_select(0, some), *own))


def _replace(pixels: Pixels, numbers: Int[Tensor, " n"], images: UInt8[Tensor, "n c h w"]) -> None:
    if pixels.device.type != "cpu":
        pixels.index_copy_(0, numbers, images)
        return
    for number, image in zip(numbers.tolist(), images, strict=True):  # index_copy_ goes byte by byte here
        pixels[number] = image


def _slides(strengths: Strengths, lines: int) -> tuple[Int[np.ndarray, "b lines"], Int[np.ndarray, "b lines"]]:
    offsets = strengths[:, None] * (np.arange(lines) + 0.5)
    before = np.floor(offsets)
    return before.astype(np.int64), np.rint((offsets - before) * 128).astype(np.int16)


def _distances(operations: Chosen, strengths: Strengths, size: Sequence[int]) -> tuple[Int[np.ndarray, "b 2"]]:
    chosen = operations[:, None] == (Operation.TRANSLATE_Y, Operation.TRANSLATE_X)
    return (np.rint(strengths[:, None] * size * chosen).astype(np.int64),)


def _rotations(operations: Chosen, strengths: Strengths, size: Sequence[int]) -> tuple[Float[np.ndarray, "b 2 3"]]:
    height, width = size
    cos, sin = np.cos(np.radians(strengths)), np.sin(np.radians(strengths))
    to_x = (cos, -sin, (width - cos * width + sin * height) / 2)
    to_y = (sin, cos, (height - sin * width - cos * height) / 2)
    return (rearrange(np.array((to_x, to_y), np.float32), "to by b -> b to by"),)


def _factors(operations: Chosen, strengths: Strengths, size: Sequence[int]) -> tuple[Float[np.ndarray, " b"]]:
    return (strengths.astype(np.float32),)


def _levels(operations: Chosen, strengths: Strengths, size: Sequence[int]) -> tuple[UInt8[np.ndarray, " b"]]:
    return (strengths.clip(0, 255).astype(np.uint8),)


def _bits(
    operations: Chosen, strengths: Strengths, size: Sequence[int]
) -> tuple[UInt8[np.ndarray, " b"], Int[np.ndarray, " b"]]:
    bits = np.where(operations == Operation.POSTERIZE, strengths, 8)
    start = np.select([operations == Operation.INVERT, operations == Operation.SOLARIZE], [0, strengths], 256)
    return (256 - 2.0 ** (8 - bits)).astype(np.uint8), start.astype(np.int16)


class _Work(NamedTuple):
    """A function of images, and of numbers that come from their operations and strengths and the images' size."""

    numbers: Callable[[Chosen, Strengths, Sequence[int]], tuple[np.ndarray, ...]]
    change: Callable[..., Pixels]


# The last operation of those that a function does together.
_WORK: Mapping[Operation, _Work] = {
    Operation.SHEAR_X: _Work(lambda _, strengths, size: _slides(strengths, size[0]), slid),
    Operation.SHEAR_Y: _Work(lambda _, strengths, size: _slides(strengths, size[1]), partial(slid, down=True)),
    Operation.TRANSLATE_Y: _Work(_distances, moved),
    Operation.ROTATE: _Work(_rotations, transformed),
    Operation.BRIGHTNESS: _Work(_factors, brightened),
    Operation.CONTRAST: _Work(_factors, contrasted),
    Operation.COLOR: _Work(_factors, saturated),
    Operation.SHARPNESS: _Work(_factors, sharpened),
    Operation.AUTOCONTRAST: _Work(lambda *_: (), autocontrasted),
    Operation.EQUALIZE: _Work(lambda *_: (), equalized),
    Operation.SOLARIZE_ADD: _Work(_levels, added),
    Operation.SOLARIZE: _Work(_bits, inverted),
}
