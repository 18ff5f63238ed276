"""A training of any task becomes one page that needs nothing but a browser."""

import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from anmok.data.imagedata import SPLITS
from anmok.errors import RunDirectoryError
from anmok.evaluation.measurements import Measurement
from anmok.report import wording
from anmok.report.axes import Axis, draw_axes, inside
from anmok.report.pages import templates, write_page
from anmok.report.scale import Scale, padded
from anmok.report.svg import Canvas, drawing, polyline
from anmok.selection.run_directory import RunDirectory
from anmok.tasks.section import read_sections

TRAIN_LOSS, SELECT_SCORE, TRAIN_SECONDS = "train_loss", "select_score", "train_seconds"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number that the page shows."""

    name: str
    value: str
    detail: str


def is_training(run: RunDirectory) -> bool:
    """Whether a run directory holds a training of one network for a task."""
    return run.training.is_file() and "task" in _request(run)


def write_task_report(run: RunDirectory) -> Path:
    """Write `report.html` from the run's files alone; the same files give the same page.

    Raises `RunDirectoryError` where the training has not finished.
    """
    return write_page(run, _render(run))


def _render(run: RunDirectory) -> str:
    request = _request(run)
    rows = run.measurements.rows()
    own = [row for row in rows if row.subject == request["model"]]
    tested = [row for row in own if row.metric not in (TRAIN_LOSS, SELECT_SCORE, TRAIN_SECONDS)]
    if not tested:
        raise RunDirectoryError(f"The training in '{run.root}' has not finished. Repeat its command to resume it.")
    frame = run.measurements.frame()
    return (
        templates()
        .get_template("task.html")
        .render(
            request=request,
            command=_command(request, run.root),
            figures=[_figure(row) for row in tested],
            splits=[
                row for name in SPLITS for row in rows if (row.subject, row.metric) == ("data", f"{name}_examples")
            ],
            findings=[row for row in rows if row.metric == "finding"],
            curves=[_curve(own, metric) for metric in (TRAIN_LOSS, SELECT_SCORE) if _course(own, metric)],
            seconds=next(row.value for row in own if row.metric == TRAIN_SECONDS),
            sections=read_sections(run.best),
            svg=Markup,
            rows=rows,
            measured=(frame["created"].min(), frame["created"].max()),
        )
    )


def _request(run: RunDirectory) -> dict[str, Any]:
    return tomllib.loads(run.training.read_text(encoding="utf-8"))


def _figure(row: Measurement) -> Figure:
    share = row.unit == "share"
    value = wording.percent(row.value) if share else f"{wording.three_digits(row.value)} {row.unit}".strip()
    between = "" if row.low is None or row.high is None else wording.interval(row) if share else _between(row)
    counted = f"of {row.n:,}" if row.n else ""
    detail = " ".join(part for part in (between, counted, row.note) if part)
    return Figure(name=row.metric.removeprefix("test_").replace("_", " "), value=value, detail=detail)


def _between(row: Measurement) -> str:
    return f"[{wording.three_digits(row.low or 0)}, {wording.three_digits(row.high or 0)}]"


def _course(rows: Sequence[Measurement], metric: str) -> list[tuple[float, float]]:
    return [(float(row.conditions["epoch"]), row.value) for row in rows if row.metric == metric]


def _curve(rows: Sequence[Measurement], metric: str) -> Markup:
    canvas = Canvas(metric, 460, 260)
    points = _course(rows, metric)
    title = {TRAIN_LOSS: "training loss, nats", SELECT_SCORE: "score on the select split"}[metric]
    area = inside(canvas, left=48, top=30, right=12, bottom=44)
    x = Scale(0, max(epoch for epoch, _ in points), area.left, area.right)
    y = Scale(*padded(min(v for _, v in points), max(v for _, v in points), 0.06), area.bottom, area.top)
    parts = draw_axes(
        area,
        Axis(scale=x, title="epoch", ticks=[(v, f"{v:g}") for v in x.ticks(6) if v == int(v)]),
        Axis(scale=y, title=title, ticks=[(v, f"{v:g}") for v in y.ticks(5)]),
    )
    parts.append(polyline([(x(epoch), y(value)) for epoch, value in points], "curve n0"))
    first, last = points[0], points[-1]
    told = f"{title}: {first[1]:.3g} after epoch {first[0]:g}, {last[1]:.3g} after epoch {last[0]:g}."
    return drawing(canvas, title, told, parts)


def _command(request: dict[str, Any], root: Path) -> str:
    words = ["anmok", "train", request["model"], request["data"], "--task", request["task"]]
    if request["pretrained"] != "no":
        words += ["--pretrained"] + ([] if request["pretrained"] == "yes" else [request["pretrained"]])
    return shlex.join([*words, "--recipe", str(root / "recipe.toml"), "--seed", str(request["seed"]), "--out", "again"])
