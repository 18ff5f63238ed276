"""How trainings and evaluations look in a terminal."""

import json

from rich.console import Console
from rich.table import Table

from anmok.api.evaluate import Evaluation
from anmok.api.train import Trained
from anmok.cli.show import show_text
from anmok.evaluation.metrics import Proportion


def show_training(result: Trained) -> None:
    """How good the model is, and where it lies; one process of several says it."""
    if result.is_first:
        show_text(f"{result.best.config.model} answers {_share(result.test_accuracy)} untouched test images right.")
        show_text(f"\nmodel   {result.path / 'best'}\nlog     {result.path / 'log.csv'}")


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
