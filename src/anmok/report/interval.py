"""A value with its interval on one line, for the cells of a table."""

from collections.abc import Sequence
from math import ceil, floor

from markupsafe import Markup

from anmok.backbone import Kind
from anmok.evaluation.metrics import Proportion
from anmok.report.kinds import marker
from anmok.report.scale import Scale
from anmok.report.svg import line, ornament, rect

_WIDTH, _HEIGHT = 116.0, 16.0


def common_scale(shown: Sequence[Proportion]) -> Scale:
    """One scale for a whole column, in steps of 5 points around all the intervals."""
    low = floor(20 * min(p.low for p in shown)) / 20
    high = ceil(20 * max(p.high for p in shown)) / 20
    return Scale(low, high, 6, _WIDTH - 6)


def interval_mark(share: Proportion, kind: Kind, scale: Scale) -> Markup:
    """A marker with its whiskers between the ends of the scale."""
    middle = _HEIGHT / 2
    low, high = (scale(min(max(v, scale.low), scale.high)) for v in (share.low, share.high))
    return ornament(
        _WIDTH,
        _HEIGHT,
        [
            line((scale.start, middle), (scale.end, middle), "grid"),
            line((low, middle), (high, middle), "whisker"),
            marker(kind, (scale(share.value), middle), 4.5, "solid"),
        ],
    )


def bar_mark(share: Proportion) -> Markup:
    """A bar from 0 to the value on a scale from 0 to 1, with its interval."""
    scale, middle = Scale(0.0, 1.0, 0, _WIDTH), _HEIGHT / 2
    return ornament(
        _WIDTH,
        _HEIGHT,
        [
            rect((0, 2), (_WIDTH, _HEIGHT - 4), "track"),
            rect((0, 2), (scale(share.value), _HEIGHT - 4), "bar"),
            line((scale(share.low), middle), (scale(share.high), middle), "whisker"),
        ],
    )
