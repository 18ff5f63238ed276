"""The same images at other sizes and in other proportions, and whether a network takes them."""

from math import sqrt
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok.capture import as_tensor
from anmok.catalogue.makers import FAULTS, reason
from anmok.layers import resample
from anmok.probes.subject import Subject
from anmok.shapes import Images

Size: TypeAlias = tuple[int, int]  # height and width, pixels

ASPECTS = {"1:2": 1 / 2, "2:3": 2 / 3, "3:2": 3 / 2, "2:1": 2.0}  # width over height

_AT_ONCE = 16  # images answered at once


class Attempt(NamedTuple):
    """What came of a size."""

    size: Size
    refusal: str  # why it is not taken, in one line; empty where it is


def resized(images: Images, size: Size) -> Float[Tensor, "b c rows columns"]:
    """The whole image, bilinear and antialiased; its proportions follow the size."""
    return images if tuple(images.shape[2:]) == size else resample(images, size, "bilinear")


def named(size: Size) -> str:
    """In words."""
    return f"{size[0]} x {size[1]}"


def scaled(size: Size, factor: float) -> Size:
    """Both sides times a factor, in whole pixels."""
    height, width = (max(1, round(side * factor)) for side in size)
    return height, width


def of_aspect(size: Size, aspect: float) -> Size:
    """As many pixels with another width over height."""
    area = size[0] * size[1]
    return max(1, round(sqrt(area / aspect))), max(1, round(sqrt(area * aspect)))


@torch.no_grad()
def attempt(network: nn.Module, images: Images, size: Size) -> Attempt:
    """Show a network the images at a size."""
    others = resized(images, size)
    try:
        network(others)
    except FAULTS as error:
        return Attempt(size, reason(error))
    return Attempt(size, "")


def attempt_near(network: nn.Module, images: Images, size: Size) -> Attempt:
    """The first size near `size` that is taken, or the first refusal.

    The sides are rounded to multiples that patches, strides and windows ask for: the powers of two up to 32 that go
    into the image seven times (the largest of them) or fewer, of 14 and of 1. What changes the proportions by more
    than a quarter is left out.
    """
    native: Size = (images.shape[2], images.shape[3])
    near = dict.fromkeys(_rounded(size, multiple) for multiple in (*_powers(native), 14, 1))
    attempts: list[Attempt] = []
    for other in near:
        if other != native and _stretch(other, size) <= 1.25:
            attempts.append(attempt(network, images, other))
            if not attempts[-1].refusal:
                return attempts[-1]
    return attempts[0] if attempts else Attempt(size, "no other size is near it")


def _stretch(size: Size, other: Size) -> float:
    """How much longer one axis grows than the other from one size to another; 1 where the proportions are equal."""
    ratio = size[0] * other[1] / (size[1] * other[0])
    return max(ratio, 1 / ratio)


def _powers(size: Size) -> list[int]:
    finest = min(32, 1 << max(0, (min(size) // 7).bit_length() - 1))
    return [power for power in (1, 2, 4, 8, 16, 32) if power >= finest]


def _rounded(size: Size, multiple: int) -> Size:
    height, width = (multiple * max(1, int(side / multiple + 0.5)) for side in size)
    return height, width


@torch.no_grad()
def outputs_at(subject: Subject, size: Size, count: int) -> Tensor | None:
    """What the network answers to the first images at a size; None where that is no tensor."""
    chunks = subject.chunks(count, at_once=_AT_ONCE)
    answers = [as_tensor(subject.network(resized(images, size))) for images in chunks]
    tensors = [answer.cpu() for answer in answers if answer is not None]
    return torch.cat(tensors) if len(tensors) == len(answers) else None
