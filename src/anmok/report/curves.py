"""Learning curves: what each model reached with how many images, and what more images should bring."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from anmok.backbone import Kind
from anmok.evaluation.objective import estimate
from anmok.report.axes import Axis, draw_axes, inside
from anmok.report.kinds import LOOKS, marker
from anmok.report.scale import Scale, padded
from anmok.report.svg import Canvas, Point, drawing, group, line, polygon, polyline
from anmok.report.wording import interval, percent, whole
from anmok.selection.curves import Expectation
from anmok.selection.decide import Decision
from anmok.selection.evidence import Evidence, Finished

AHEAD = 4  # times the images of the train split, to which the curves are drawn
_STEPS = 12  # of a curve between two doublings of the images, at most


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One model's measured scores and the laws fitted to them."""

    model: str
    kind: Kind
    measured: tuple[Finished, ...]  # fewest images first
    trend: tuple[Expectation, ...]  # from the fewest images to `AHEAD` times all of them
    exponent: float  # at all images, the error, 1 - score, falls as n^-exponent

    @property
    def ahead(self) -> Expectation:
        """What is expected of the most images."""
        return self.trend[-1]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One model's curve, drawn before those of all others."""

    curve: Curve
    drawing: Markup


def read_curves(evidence: Evidence, decision: Decision) -> list[Curve]:
    """The curves of all raced models, best model first; the same posteriors as the decision's."""
    fitted = evidence.belief().curves
    first = min(point.images for model in fitted for point in evidence.points(model))
    grid = np.unique(np.geomspace(first, AHEAD * evidence.train_images, 3 * _STEPS).round().astype(int)).tolist()
    return [
        Curve(
            model=candidate.model,
            kind=candidate.cost.kind,
            measured=tuple(evidence.trials(candidate.model)),
            trend=tuple(fitted[candidate.model].expect(images) for images in grid),
            exponent=fitted[candidate.model].exponent,
        )
        for candidate in decision.candidates
        if candidate.model in fitted
    ]


def curve_panels(curves: Sequence[Curve], train_images: int, title: str = "accuracy") -> list[Panel]:
    """One small plot per model with common axes; the others' curves stand behind it in grey, the winner's darker."""
    return [
        Panel(curve=curve, drawing=_panel(curve, curves, train_images, title, Canvas(f"curve-{i}", 300, 220)))
        for i, curve in enumerate(curves)
    ]


def _panel(curve: Curve, curves: Sequence[Curve], train_images: int, title: str, canvas: Canvas) -> Markup:
    area = inside(canvas, left=30, top=26, right=22, bottom=26)
    trend = curves[0].trend
    x = Scale(trend[0].images / 1.08, trend[-1].images, area.left, area.right, log=True)
    y = Scale(*_range(curves), area.bottom, area.top)
    images = [trend[0].images, train_images, trend[-1].images]
    parts = draw_axes(
        area,
        Axis(scale=x, title="", ticks=[(n, f"{n:,}") for n in dict.fromkeys(images)]),
        Axis(scale=y, title=f"{title}, %", ticks=[(v, f"{100 * v:g}") for v in y.ticks(5)]),
    )
    parts.append(line((x(train_images), area.top), (x(train_images), area.bottom), "today"))
    for i, other in enumerate(curves):
        if other is not curve:
            parts.append(polyline(_means(other, x, y), "ghost best" if i == 0 else "ghost"))
    css = LOOKS[curve.kind].css
    known = max(trial.images for trial in curve.measured)
    future = [e for e in curve.trend if e.images >= known] or [curve.ahead]
    band = [(x(e.images), y(e.high)) for e in future] + [(x(e.images), y(e.low)) for e in reversed(future)]
    parts += [polygon(band, f"band {css}"), polyline(_means(curve, x, y), f"curve {css}")]
    parts += [_point(trial, curve.kind, x, y) for trial in curve.measured]
    description = (
        f"{'; '.join(map(_describe, curve.measured))}; "
        f"expected at {whole(curve.ahead.images)} images: {percent(curve.ahead.mean)} {interval(curve.ahead)}."
    )
    return drawing(canvas, f"Learning curve of {curve.model}", description, parts)


def _range(curves: Sequence[Curve]) -> tuple[float, float]:
    lows = [estimate(trial.judged).low for c in curves for trial in c.measured]
    highs = [e.high for c in curves for e in c.trend]
    low, high = padded(min(lows), max(highs), 0.05)
    return max(low, 0.0), min(high, 1.0)


def _means(curve: Curve, x: Scale, y: Scale) -> list[Point]:
    return [(x(e.images), y(max(e.mean, y.low))) for e in curve.trend]


def _point(trial: Finished, kind: Kind, x: Scale, y: Scale) -> Markup:
    share = estimate(trial.judged)
    at = x(trial.images), y(share.value)
    ends = [(at[0], y(share.low)), (at[0], y(min(share.high, y.high)))]
    marks = [line(ends[0], ends[1], f"whisker {LOOKS[kind].css}"), marker(kind, at, 4.2, "solid")]
    return group(marks, "spot", tooltip=_describe(trial))


def _describe(trial: Finished) -> str:
    share = estimate(trial.judged)
    return f"{trial.images:,} images: {percent(share.value)} {interval(share)}"
