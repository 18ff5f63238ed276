"""Another operation for each image of a batch, yet whole groups of images at once."""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from anmok.data.augment import curves
from anmok.data.augment.color import inverted, saturated, sharpened
from anmok.data.augment.curves import Curves
from anmok.data.augment.geometry import slid, transformed
from anmok.shapes import Pixels

_CACHED = 2**19  # values worked on at once by a CPU: more, with what is made of them, would not fit in its cache

Chosen: TypeAlias = Int[np.ndarray, " b"]  # values of Operation, one per image
Strengths: TypeAlias = Float[np.ndarray, " b"]  # of the operations, each in its unit


class Operation(IntEnum):
    """What can be done to an image; those that are done together stand together."""

    IDENTITY = 0
    SHEAR_X = 1  # strength: pixels to the right per pixel down
    TRANSLATE_X = 2  # share of the width
    SHEAR_Y = 3  # pixels down per pixel to the right
    TRANSLATE_Y = 4  # share of the height
    ROTATE = 5  # degrees, counter-clockwise
    BRIGHTNESS = 6  # factor, as for contrast, color and sharpness
    CONTRAST = 7
    AUTOCONTRAST = 8
    EQUALIZE = 9
    SOLARIZE_ADD = 10  # levels that are added
    INVERT = 11
    POSTERIZE = 12  # bits that are kept
    SOLARIZE = 13  # first level that is inverted
    COLOR = 14
    SHARPNESS = 15


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
    operations = layer.operations[order]
    start = int(np.searchsorted(operations, Operation.IDENTITY, side="right"))
    for last, work in _WORK.items():
        end = int(np.searchsorted(operations, last, side="right"))
        for first in range(start, end, few):
            images = order[first : min(first + few, end)]
            numbers = torch.from_numpy(images).to(pixels.device)
            done = work(pixels.index_select(0, numbers), layer.operations[images], layer.strengths[images])
            _replace(pixels, numbers, done)
        start = end


def _replace(pixels: Pixels, numbers: Int[Tensor, " n"], images: UInt8[Tensor, "n c h w"]) -> None:
    if pixels.device.type != "cpu":
        pixels.index_copy_(0, numbers, images)
        return
    for number, image in zip(numbers.tolist(), images, strict=True):  # index_copy_ goes byte by byte here
        pixels[number] = image


def _slide_rows(pixels: Pixels, operations: Chosen, strengths: Strengths) -> Pixels:
    return slid(pixels, _offsets(operations == Operation.SHEAR_X, strengths, *pixels.shape[2:]))


def _slide_columns(pixels: Pixels, operations: Chosen, strengths: Strengths) -> Pixels:
    return slid(pixels, _offsets(operations == Operation.SHEAR_Y, strengths, *pixels.shape[:1:-1]), down=True)


def _offsets(
    shear: Bool[np.ndarray, " b"], strengths: Strengths, lines: int, side: int
) -> Float[np.ndarray, "b lines"]:
    """How far each line is slid, by a shear in proportion to its number, and by a translation as all others are."""
    return strengths[:, None] * np.where(shear[:, None], np.arange(lines) + 0.5, side)


def _rotate(pixels: Pixels, operations: Chosen, strengths: Strengths) -> Pixels:
    height, width = pixels.shape[2:]
    cos, sin = np.cos(np.radians(strengths)), np.sin(np.radians(strengths))
    to_x = (cos, -sin, (width - cos * width + sin * height) / 2)
    to_y = (sin, cos, (height - sin * width - cos * height) / 2)
    return transformed(pixels, rearrange(np.array((to_x, to_y)), "to by b -> b to by"))


def _look_up(pixels: Pixels, operations: Chosen, strengths: Strengths) -> Pixels:
    found, first = [], 0
    for operation, count in zip(*np.unique(operations, return_counts=True), strict=True):
        part = slice(first, first + count)
        found.append(_CURVES[Operation(operation)](pixels[part], strengths[part]))
        first += count
    return curves.looked_up(pixels, torch.cat(found))


def _invert(pixels: Pixels, operations: Chosen, strengths: Strengths) -> Pixels:
    bits = np.where(operations == Operation.POSTERIZE, strengths, 8)
    threshold = np.select([operations == Operation.INVERT, operations == Operation.SOLARIZE], [0, strengths], 256)
    kept, start = (256 - 2.0 ** (8 - bits)).astype(np.uint8), threshold.astype(np.int16)
    return inverted(pixels, *(torch.from_numpy(each).to(pixels.device) for each in (kept, start)))


def _saturate(pixels: Pixels, operations: Chosen, strengths: Strengths) -> Pixels:
    return saturated(pixels, _on(pixels, strengths))


def _sharpen(pixels: Pixels, operations: Chosen, strengths: Strengths) -> Pixels:
    return sharpened(pixels, _on(pixels, strengths))


def _on(pixels: Pixels, strengths: Strengths) -> Float[Tensor, " b"]:
    return torch.from_numpy(strengths.astype(np.float32)).to(pixels.device)


# The last operation of those that a function does together.
_WORK: Mapping[Operation, Callable[[Pixels, Chosen, Strengths], Pixels]] = {
    Operation.TRANSLATE_X: _slide_rows,
    Operation.TRANSLATE_Y: _slide_columns,
    Operation.ROTATE: _rotate,
    Operation.SOLARIZE_ADD: _look_up,
    Operation.SOLARIZE: _invert,
    Operation.COLOR: _saturate,
    Operation.SHARPNESS: _sharpen,
}
_CURVES: Mapping[Operation, Callable[[Pixels, Strengths], Curves]] = {
    Operation.BRIGHTNESS: curves.brightened,
    Operation.CONTRAST: curves.contrasted,
    Operation.AUTOCONTRAST: curves.autocontrasted,
    Operation.EQUALIZE: curves.equalized,
    Operation.SOLARIZE_ADD: curves.solarized_by_adding,
}
