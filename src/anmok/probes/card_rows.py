"""The ten rows of a bias card: the same words, units and axes for every network."""

from math import isnan
from typing import NamedTuple

from anmok.probes.card import BiasCard
from anmok.probes.result import ProbeResult
from anmok.probes.shift import ABSENT, BUILT_IN


class Cell(NamedTuple):
    """One number of a row."""

    metric: str
    text: str  # around the number; a share is shown in percent before " %"
    places: int = 2  # behind the point

    def number(self, value: float) -> str:
        """As the card writes it."""
        return f"{100 * value if '{} %' in self.text else value:,.{self.places}f}"

    def phrase(self, result: ProbeResult) -> str:
        """The number in its words, with its interval where there is one."""
        told = self.text.format(self.number(result.value))
        if result.low is None or result.high is None:
            return told
        return f"{told} [{self.number(result.low)}, {self.number(result.high)}]"


class CardRow(NamedTuple):
    """A line of the card. The first cell is the one that is drawn."""

    title: str
    cells: tuple[Cell, ...]
    span: tuple[float, float]  # of the axis on which it is drawn
    ends: tuple[str, str]  # what lies at them
    steps: tuple[tuple[float, str], ...] = ()  # words for values below each bound, and for all others the last
    of_side: bool = False  # the axis counts in sides of the image

    @property
    def drawn(self) -> Cell:
        """The cell that stands for the row in a picture."""
        return self.cells[0]

    def share(self, card: BiasCard, value: float) -> float:
        """Where a value of that cell lies on the axis, 0 to 1, cut at the ends."""
        low, high = self.span
        scaled = value / min(card.size) if self.of_side else value
        return min(max((scaled - low) / (high - low), 0.0), 1.0)

    def word(self, card: BiasCard) -> str:
        """The first cell in a word; empty where the row has none, or no value."""
        value = card.value(self.drawn.metric)
        if isnan(value):
            return ""
        return next((word for bound, word in self.steps if value < bound), "")


_EVER = float("inf")
_EQUIVARIANT = ((BUILT_IN, "built in"), (ABSENT, "approximate"), (_EVER, "absent"))

COST = (
    Cell("latency", "latency {} ms"),
    Cell("peak memory", "memory {} MiB", 1),
    Cell("MACs exponent", "MACs grow as pixels^{}"),
    Cell("latency exponent", "latency as pixels^{}"),
)

ROWS = (
    CardRow(
        "locality",
        (
            Cell("Jacobian distance", "looks {} px far", 1),
            Cell("effective receptive field", "half within {} px", 0),
            Cell("theoretical receptive field", "reach {} px", 0),
            Cell("attention distance", "attention {} px far", 1),
        ),
        (0.0, 0.53),
        ("local", "global"),
        of_side=True,
    ),
    CardRow(
        "long range",
        (
            Cell("distant Jacobian share", "beyond half the image {} %", 1),
            Cell("attention distance at first", "first attention {} px far", 1),
            Cell("attention entropy", "entropy {} %", 0),
            Cell("attention sinks", "sinks {} %", 0),
        ),
        (0.0, 0.5),
        ("near", "far"),
    ),
    CardRow(
        "translation",
        (
            Cell("shift error", "error by a stride {}", 3),
            Cell("pixel shift error", "by 1 px {}", 3),
            Cell("shift consistency", "consistent {} %", 1),
            Cell("pixel flip rate", "answers change by 1 px {} %", 1),
        ),
        (0.0, 1.4),
        ("equivariant", "not"),
        _EQUIVARIANT,
    ),
    CardRow(
        "order and position",
        (
            Cell("permutation change", "change by shuffling 4 x 4 tiles {}", 3),
            Cell("patch permutation change", "all patches {}", 3),
            Cell("position readout", "position readout R2 {}"),
            Cell("position similarity", "position similarity {}"),
        ),
        (0.0, 1.4),
        ("bag", "ordered"),
        ((BUILT_IN, "no order"), (ABSENT, "weak order"), (_EVER, "order matters")),
    ),
    CardRow(
        "frequency",
        (
            Cell("log amplitude change", "highest frequencies {} nat"),
            Cell("feature variance ratio", "variance {} x"),
            Cell("most harmful noise band", "worst noise at {} Nyquist", 1),
            Cell("distant similarity", "CKA of distant blocks {}"),
        ),
        (-4.0, 4.0),
        ("low-pass", "high-pass"),
        ((-0.1, "low-pass"), (0.1, "neither"), (_EVER, "high-pass")),
    ),
    CardRow(
        "shape against texture",
        (
            Cell("shape share", "shape {} %", 0),
            Cell("shape reliance", "kept when blurred {} %", 0),
            Cell("texture reliance", "when tiles are shuffled {} %", 0),
            Cell("kept in grey", "in grey {} %", 0),
        ),
        (0.0, 1.0),
        ("texture", "shape"),
    ),
    CardRow(
        "data efficiency",
        (
            Cell("ALC", "area under the learning curve {}"),
            Cell("accuracy elsewhere", "at places never seen {} %", 0),
            Cell("accuracy larger", "in larger images {} %", 0),
            Cell("effective rank", "effective rank {}", 1),
        ),
        (0.0, 1.0),
        ("many images", "few images"),
    ),
    CardRow(
        "variable size",
        (
            Cell("sizes taken", "sizes taken {} %", 0),
            Cell("aspect ratios taken", "aspect ratios {} %", 0),
            Cell("size agreement", "same answers {} %", 0),
            Cell("best test size", "best at {} x native"),
            Cell("aspect loss", "2:1 costs {} points", 1),
        ),
        (0.0, 1.0),
        ("one size", "any size"),
    ),
    CardRow(
        "optimisation",
        (
            Cell("gradient slope", "gradient slope {} per block", 3),
            Cell("gradient range", "range {} x", 1),
            Cell("branch ratio", "branches {} of the path"),
            Cell("gradient autocorrelation", "gradient autocorrelation {}"),
            Cell("worst lesion", "worst lesion {} points", 1),
        ),
        (-1.0, 1.0),
        ("explodes", "vanishes"),
    ),
    CardRow(
        "calibration, robustness",
        (
            Cell("calibration error", "ECE {} %", 1),
            Cell("temperature", "temperature {}"),
            Cell("accuracy kept under corruption", "corruptions keep {} %", 0),
        ),
        (0.0, 0.3),
        ("calibrated", "not"),
    ),
)
