"""How trainings and evaluations look in a terminal."""

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from anmok.api.evaluate import Evaluation
from anmok.api.train import Trained
from anmok.backbone import Task
from anmok.cli.show import show_text
from anmok.evaluation.measurements import Measurement
from anmok.evaluation.metrics import Proportion
from anmok.serving import Classifier


def show_training(result: Trained) -> None:
    """How good the model is, and where it lies; one process of several says it."""
    if not result.is_first:
        return
    if result.task is not Task.CLASSIFICATION:
        show_rows(result.test_rows)
        where = {"model": result.path / "best", "report": result.report, "log": result.path / "log.csv"}
        show_text("\n" + "\n".join(f"{name:<7} {path}" for name, path in where.items()))
    else:
        model = Classifier(result.path).config.model
        show_text(f"{model} answers {_share(result.test_accuracy)} untouched test images right.")
        show_text(f"\nmodel   {result.path / 'best'}\nlog     {result.path / 'log.csv'}")


def show_rows(rows: Sequence[Measurement], *, as_json: bool = False) -> None:
    """One line a metric."""
    if as_json:
        show_text(json.dumps({row.metric: {"value": row.value, "low": row.low, "high": row.high} for row in rows}))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    for row in rows:
        scale, unit = (100, "%") if row.unit == "share" else (1, row.unit)
        between = "" if row.low is None or row.high is None else f"[{scale * row.low:.1f}, {scale * row.high:.1f}]"
        counted = f"of {row.n:,}" if row.n else ""
        value = f"{scale * row.value:.1f} {unit}".strip()
        table.add_row(row.metric.replace("_", " "), value, between, counted, row.note)
    Console(highlight=False).print(table)


def show_evaluation(result: Evaluation, *, as_json: bool) -> None:
    """Accuracy, a line for each class, and how far the probabilities can be trusted."""
    if as_json:
        show_text(json.dumps(result.as_dict()))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("class", "images", "recall %", "precision %", "F1"):
        table.add_column(heading, justify="left" if heading == "class" else "right", no_wrap=True)
    for score in result.classes:
        recall, precision = score.recall, score.precision
        table.add_row(
            result.names[score.label],
            f"{score.images:,}",
            f"{100 * recall.value:.1f} [{100 * recall.low:.0f}, {100 * recall.high:.0f}]" if recall else "",
            "" if precision is None else f"{100 * precision:.1f}",
            f"{score.f1:.3f}",
        )
    Console(highlight=False).print(table)
    show_text(f"\naccuracy           {_share(result.accuracy)} images")
    show_text(f"macro F1           {result.macro_f1:.3f}")
    show_text(f"calibration error  {100 * result.calibration_error:.1f} points between confidence and accuracy")


def _share(share: Proportion) -> str:
    return f"{100 * share.value:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}] of {share.n:,}"
