"""What would change the answer: looser limits, more labelled images, a Transformer that overtakes."""

from dataclasses import dataclass

import numpy as np

from anmok.backbone import Kind
from anmok.selection.belief import Belief
from anmok.selection.curves import Expectation
from anmok.selection.evidence import Evidence

MORE = (2, 4)  # times as many labelled images
FARTHEST = 100  # times as many images: beyond, no crossing is looked for
_STEPS = 27  # from all images to `FARTHEST` times as many, a quarter of a doubling each


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """The most promising of the models that a limit keeps out."""

    model: str
    limit: str  # that it breaks, with both values
    expected: Expectation  # by experience and by how the others fared, without a training


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """When a Transformer or hybrid overtakes the best CNN; images, None where that is beyond `FARTHEST` times."""

    cnn: str
    rival: str
    images: int | None  # median
    low: int | None  # 80 % interval
    high: int | None
    chance: float  # that it happens within `FARTHEST` times the images


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What would change the answer; None where nothing is known."""

    more_images: tuple[Expectation, ...]  # of the winner, with 2 and 4 times as many
    crossing: Crossing | None
    excluded: Excluded | None


def look_ahead(evidence: Evidence, belief: Belief, winner: str) -> Outlook:
    """Ask the curves beyond all images, and experience about what was left out."""
    return Outlook(
        more_images=tuple(belief.curves[winner].expect(times * evidence.train_images) for times in MORE),
        crossing=_crossing(evidence, belief),
        excluded=_best_excluded(evidence),
    )


def _crossing(evidence: Evidence, belief: Belief) -> Crossing | None:
    """The earliest in the median; a crossing is where the rival's curve first lies above the CNN's."""
    n = evidence.train_images
    means = dict(zip(belief.models, belief.draws().mean(1), strict=True))
    ranked = sorted(means, key=lambda m: (-means[m], m))
    cnns = [m for m in ranked if evidence.costs[m].kind is Kind.CNN]
    rivals = [m for m in ranked if evidence.costs[m].kind in (Kind.TRANSFORMER, Kind.HYBRID)]
    if not cnns or not rivals:
        return None
    sizes = np.rint(n * np.geomspace(1, FARTHEST, _STEPS)).astype(int).tolist()
    bar = np.stack([belief.curves[cnns[0]].draws(size) for size in sizes])
    found = []
    for rival in rivals:
        above = np.stack([belief.curves[rival].draws(size) for size in sizes]) > bar
        first = np.where(above.any(0), above.argmax(0), _STEPS)  # of each draw
        low, middle, high = np.quantile(first, [0.1, 0.5, 0.9], method="higher").tolist()
        at = [sizes[i] if i < _STEPS else None for i in (low, middle, high)]
        crossing = Crossing(
            cnn=cnns[0], rival=rival, low=at[0], images=at[1], high=at[2], chance=float(above.any(0).mean())
        )
        found.append((first.mean(), crossing))
    return min(found, key=lambda pair: pair[0])[1]


def _best_excluded(evidence: Evidence) -> Excluded | None:
    """Only where experience knows it: of a model that nobody ever trained, nothing is promised."""
    known = tuple(m for m in evidence.excluded if m in evidence.prior)
    if not known:
        return None
    belief = evidence.belief(known)
    expected = {m: belief.curves[m].expect(evidence.train_images) for m in known}
    best = max(known, key=lambda m: (expected[m].mean, m))
    return Excluded(model=best, limit=evidence.excluded[best], expected=expected[best])
