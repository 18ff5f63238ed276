"""What an audit found: as numbers, and as sentences for the terminal and the report."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Literal, TypeAlias

TINY_CLASS = 10  # images; below it an accuracy of the class means little
IMBALANCE = 5  # largest class / smallest, from which it is a warning
ODD_SIZE = 5  # times the median short side, or that part of it
ODD_ASPECT = 3  # long side / short side

Severity: TypeAlias = Literal["info", "warning"]


@dataclass(frozen=True)
class Finding:
    """One sentence."""

    severity: Severity
    text: str


@dataclass(frozen=True)
class Spread:
    """Range of a number over the images."""

    smallest: int
    median: int
    largest: int

    def __str__(self) -> str:
        if self.smallest == self.largest:
            return f"{self.median:,} px"
        return f"{self.smallest:,} to {self.largest:,} px (median {self.median:,})"


@dataclass(frozen=True)
class Unreadable:
    """A file that cannot be decoded."""

    id: int
    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """State of a data set; images are given by their ids, groups by lists of ids."""

    num_images: int  # listed, also the unreadable ones
    class_counts: dict[str, int]  # readable images
    distinct_counts: dict[str, int]  # the same without duplicates inside a class
    unreadable: list[Unreadable]
    strays: list[str]  # images without a label, or outside every class folder
    exact_duplicates: list[list[int]]  # same pixels
    near_duplicates: list[list[int]]  # same picture, other pixels; with its exact copies
    label_conflicts: list[list[int]]  # same pixels, different labels
    leaks: list[list[int]]  # duplicates on both sides of a given split
    leaked: list[int]  # their members that leave train, or select, for that; test stays as it is
    width: Spread
    height: Spread
    short_side: Spread
    odd_sizes: list[int]
    odd_aspects: list[int]
    grey_share: float  # of readable images, in [0, 1]
    num_select: int  # images that models will be compared on

    @property
    def imbalance(self) -> float:
        """Size of the largest class over that of the smallest."""
        return max(self.class_counts.values()) / min(self.class_counts.values())

    @property
    def resolvable(self) -> float:
        """Smallest difference of accuracy, in percentage points, that the select split can show."""
        return resolvable_difference(self.num_select)

    def findings(self) -> list[Finding]:
        """One sentence per finding, the most harmful first."""
        return [*_warnings(self), *_facts(self)]


def picture_findings(audit: Audit) -> list[Finding]:
    """The warnings that concern the pictures themselves, whatever is to be learned from them."""
    texts = (_unreadable(audit), _leaks(audit), _exact(audit), _near(audit), _odd_sizes(audit))
    return [Finding("warning", text) for text in texts if text]


def resolvable_difference(n: int, disagreement: float = 0.1) -> float:
    """Twice the standard error of the difference of two accuracies on the same n images, percentage points.

    100 * 2 * sqrt(d / n), where the two models disagree on a share d of the images and are nearly equal
    (McNemar 1947). Smaller differences drown in the choice of images.
    """
    return 100 * 2 * sqrt(disagreement / max(n, 1))


def _warnings(audit: Audit) -> Iterator[Finding]:
    for text in (
        _unreadable(audit),
        _strays(audit),
        _conflicts(audit),
        _leaks(audit),
        _exact(audit),
        _near(audit),
        _tiny(audit),
        _unbalanced(audit),
        _odd_sizes(audit),
        _odd_aspects(audit),
    ):
        if text:
            yield Finding("warning", text)


def _facts(audit: Audit) -> Iterator[Finding]:
    counts = audit.class_counts.values()
    yield Finding(
        "info",
        f"{sum(counts):,} readable images in {len(counts)} classes of {min(counts):,} to {max(counts):,}.",
    )
    yield Finding(
        "info",
        f"Images are {audit.width} wide and {audit.height} high; {audit.grey_share:.0%} are grey.",
    )
    yield Finding(
        "info",
        f"With {audit.num_select:,} images to compare models on, accuracies that differ by less than "
        f"{audit.resolvable:.1f} points cannot be told apart (if two models disagree on 10 % of them).",
    )


def _unreadable(audit: Audit) -> str:
    if not audit.unreadable:
        return ""
    first = audit.unreadable[0]
    count = f"{len(audit.unreadable):,} of {audit.num_images:,} files"
    return f"{count} cannot be read and will be left out, first '{first.path}': {first.reason}."


def _strays(audit: Audit) -> str:
    if not audit.strays:
        return ""
    count = _count(len(audit.strays), "image has", "images have")
    return f"{count} no label or class folder and will be left out, first '{audit.strays[0]}'."


def _conflicts(audit: Audit) -> str:
    if not audit.label_conflicts:
        return ""
    count = _count(len(audit.label_conflicts), "picture appears", "pictures appear")
    images = sum(map(len, audit.label_conflicts))
    return f"{count} under more than one label ({images:,} images): no model can get all of these right."


def _leaks(audit: Audit) -> str:
    if not audit.leaks:
        return ""
    count = _count(len(audit.leaks), "picture appears", "pictures appear")
    copies = _count(len(audit.leaked), "copy", "copies")
    return f"{count} in more than one given split: {copies} will leave train or select, and test stays whole."


def _exact(audit: Audit) -> str:
    if not audit.exact_duplicates:
        return ""
    copies = sum(len(group) - 1 for group in audit.exact_duplicates)
    count = _count(copies, "image is an exact copy", "images are exact copies")
    return f"{count} of another; copies will share a split."


def _near(audit: Audit) -> str:
    if not audit.near_duplicates:
        return ""
    sizes = [len(group) for group in audit.near_duplicates]
    groups = _count(len(sizes), "group", "groups")
    return (
        f"{sum(sizes):,} images are near duplicates, in {groups} of at most {max(sizes):,}; "
        "each group will share a split."
    )


def _tiny(audit: Audit) -> str:
    tiny = [f"'{name}' ({count})" for name, count in audit.distinct_counts.items() if count < TINY_CLASS]
    if not tiny:
        return ""
    listed = ", ".join(tiny[:3]) + (f" and {len(tiny) - 3:,} more" if len(tiny) > 3 else "")
    return f"{_count(len(tiny), 'class has', 'classes have')} fewer than {TINY_CLASS} different images: {listed}."


def _unbalanced(audit: Audit) -> str:
    if audit.imbalance < IMBALANCE:
        return ""
    counts = audit.class_counts
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    return f"Class '{largest}' has {audit.imbalance:.1f} times as many images as '{smallest}'."


def _odd_sizes(audit: Audit) -> str:
    if not audit.odd_sizes:
        return ""
    count = _count(len(audit.odd_sizes), "image is", "images are")
    return f"{count} over {ODD_SIZE} times larger or smaller than the median."


def _odd_aspects(audit: Audit) -> str:
    if not audit.odd_aspects:
        return ""
    count = _count(len(audit.odd_aspects), "image is", "images are")
    return f"{count} longer than {ODD_ASPECT}:1, and only the square in the middle will be seen."


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
