"""Which part of an image a network sees, at which size: the random crop for training, the central one for tests."""

from dataclasses import dataclass
from math import exp, floor, log, sqrt
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from anmok.data.draws import Draws
from anmok.errors import RequestError

_TRIES = 10  # to place a random crop, before the central one is taken


class Span(NamedTuple):
    """One axis of a view: `length` pixels from `start` on become `resized`, of which those from `cut` on show."""

    start: int
    length: int
    resized: int
    cut: int = 0

    def mirrored(self, side: int, size: int) -> "Span":
        """Count from the other end of an axis of `side` pixels."""
        return self._replace(start=side - self.start - self.length, cut=self.resized - self.cut - size)


class View(NamedTuple):
    """A square of `size` pixels of an upright image."""

    rows: Span
    columns: Span
    size: int


@runtime_checkable
class Crop(Protocol):
    """A rule that finds a view in an image of any size."""

    @property
    def numbers(self) -> int:
        """How many random numbers a view takes."""

    def view(self, height: int, width: int, size: int, numbers: Float[np.ndarray, " m"]) -> View:
        """Choose the view, given that many numbers from [0, 1)."""


@dataclass(frozen=True, kw_only=True)
class ResizedCrop:
    """A box of random area and shape, anywhere, for training.

    Szegedy et al. 2015, arXiv:1409.4842, sec. 6. Area uniform, shape log-uniform, both within the bounds; after ten
    boxes that do not fit, the largest central one of a permitted shape.
    """

    area: tuple[float, float] = (0.08, 1.0)  # share of the image
    ratio: tuple[float, float] = (3 / 4, 4 / 3)  # width by height
    numbers: ClassVar[int] = 2 * _TRIES + 2

    def __post_init__(self) -> None:
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise RequestError(f"A crop takes a share of the image: got area={self.area}. Give 0 < least <= most <= 1.")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise RequestError(f"A crop has a shape: got ratio={self.ratio}. Give 0 < least <= most, width by height.")

    def view(self, height: int, width: int, size: int, numbers: Float[np.ndarray, " m"]) -> View:
        """Choose the view, given that many numbers from [0, 1)."""
        *tries, down, across = numbers.tolist()
        least, most = (log(bound) for bound in self.ratio)
        for share, shape in zip(tries[::2], tries[1::2], strict=True):
            area = height * width * (self.area[0] + (self.area[1] - self.area[0]) * share)
            ratio = exp(least + (most - least) * shape)
            rows, columns = round(sqrt(area / ratio)), round(sqrt(area * ratio))
            if 0 < rows <= height and 0 < columns <= width:
                top, left = floor(down * (height - rows + 1)), floor(across * (width - columns + 1))
                return View(Span(top, rows, size), Span(left, columns, size), size)
        return self._central(height, width, size)

    def _central(self, height: int, width: int, size: int) -> View:
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        rows = min(height, max(1, round(width / ratio)))
        columns = min(width, max(1, round(height * ratio)))
        return View(Span((height - rows) // 2, rows, size), Span((width - columns) // 2, columns, size), size)


@dataclass(frozen=True, kw_only=True)
class CenterCrop:
    """The middle square of the image at the size whose shorter side is `size / crop_share`, for evaluation."""

    crop_share: float = 0.875
    numbers: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if not 0 < self.crop_share <= 1:
            raise RequestError(f"A crop takes a share of the side: got crop_share={self.crop_share}. Give 0 < x <= 1.")

    def view(self, height: int, width: int, size: int, numbers: Float[np.ndarray, " m"]) -> View:
        """Choose the view; it takes no numbers."""
        shorter = floor(size / self.crop_share)

        def span(side: int) -> Span:
            resized = shorter * side // min(height, width)
            return Span(0, side, resized, round((resized - size) / 2))

        return View(span(height), span(width), size)


def draw_numbers(crop: Crop, draws: Draws) -> Float[np.ndarray, "b m"]:
    """Draw what the views of a batch take; what else is drawn for these images comes after."""
    return np.array([draws.uniform() for _ in range(crop.numbers)]).reshape(crop.numbers, len(draws)).T
