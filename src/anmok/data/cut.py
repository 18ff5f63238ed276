"""A stratified random cut that takes no unit of images apart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anmok.data.imagedata import Split

Unit = list[int]  # rows that must share a split


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What a split takes out of each class."""

    split: Split
    share: float  # of the images
    least: int  # images, unless that is more than half of the class
    keep: int  # units that stay behind for other splits, unless the class has no more than these

    def apply(
        self, units: Sequence[Unit], labels: Sequence[int], random: np.random.Generator
    ) -> tuple[list[Unit], list[Unit]]:
        """Part the units, in random order, into the chosen and the rest.

        A unit is chosen if that brings the class counts nearer to their targets; then, for a class of which
        none was chosen because its units are large, the smallest one that may be.
        """
        tally = _Tally(self, [Counter(labels[row] for row in unit) for unit in units])
        order = [int(number) for number in random.permutation(len(units))]
        for number in order:
            if tally.gain(number) > 0 and tally.may_take(number):
                tally.take(number)
        order.sort(key=lambda number: len(units[number]))
        for label in tally.overlooked():
            smallest = next((n for n in order if label in tally.contents[n] and tally.may_take(n)), None)
            if smallest is not None:
                tally.take(smallest)
        chosen = [unit for number, unit in enumerate(units) if number in tally.taken]
        return chosen, [unit for number, unit in enumerate(units) if number not in tally.taken]


class _Tally:
    """What has been taken, and what each class still misses (images) and can give (units)."""

    def __init__(self, cut: Cut, contents: Sequence[Counter[int]]) -> None:
        self.contents = contents  # images of each class, by unit
        self.taken: set[int] = set()
        images: Counter[int] = Counter()
        units: Counter[int] = Counter()
        for content in contents:
            images.update(content)
            units.update(content.keys())
        self._missing = Counter({k: max(int(n * cut.share + 0.5), min(cut.least, n // 2)) for k, n in images.items()})
        self._free = Counter({k: n - min(cut.keep, max(1, n - 1)) for k, n in units.items()})

    def gain(self, number: int) -> int:
        """By how many images the unit would bring the counts nearer to their targets."""
        missing = self._missing
        return sum(abs(missing[k]) - abs(missing[k] - n) for k, n in self.contents[number].items())

    def may_take(self, number: int) -> bool:
        return number not in self.taken and all(self._free[k] > 0 for k in self.contents[number])

    def take(self, number: int) -> None:
        self.taken.add(number)
        self._missing.subtract(self.contents[number])
        self._free.subtract(self.contents[number].keys())

    def overlooked(self) -> list[int]:
        """Classes that have a target and nothing taken."""
        served = {k for number in self.taken for k in self.contents[number]}
        return sorted(k for k, n in self._missing.items() if n > 0 and k not in served)
