"""How results look in a terminal."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from anmok.api.select import Selection
from anmok.data import Audit, Finding, ImageData
from anmok.evaluation.measurements import Measurement
from anmok.evaluation.objective import Goal
from anmok.selection.decide import Candidate, Status
from anmok.selection.observer import Observer
from anmok.selection.prospects import optimism, prospects
from anmok.selection.quantities import format_count
from anmok.selection.reasons import advice, reasons
from anmok.serving import Prediction
from anmok.tasks import Answer

_STYLES = {
    Status.WINNER: "bold green",
    Status.TIED: "green",
    Status.FAILED: "red",
    Status.EXCLUDED: "dim",
    Status.DROPPED: "dim",
}
_console = Console(highlight=False)


class _Terminal:
    """Shows stages and notes as lines and progress as a bar; without a terminal, only the lines."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def stage(self, name: str) -> None:
        """Start a new bar."""
        self._bars.start()
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._bars.console.print(f"[bold]{name}")
        self._task = self._bars.add_task(name, total=None, detail="")

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._bars.console.print(f"  {text}", markup=False, soft_wrap=True)

    def progress(self, done: float, total: float, detail: str) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total, detail=detail)


@contextmanager
def watching() -> Iterator[Observer]:
    """An observer that shows what it is told, on standard error."""
    columns = (
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    bars = Progress(*columns, console=Console(stderr=True, highlight=False), transient=True)
    try:
        yield _Terminal(bars)
    finally:
        if bars.live.is_started:  # stopping what was never started prints an empty line
            bars.stop()


def show_text(text: str) -> None:
    """Print it as it is."""
    _console.print(text, markup=False, soft_wrap=True)


def show_selection(result: Selection) -> None:
    """The verdict, the leaderboard, the reasons, and where everything lies."""
    decision, test = result.decision, result.test_accuracy
    title = decision.objective.title
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=_CAPTION.format(title=title, on=decision[decision.winner].cost.latency_on),
        caption_justify="left",
    )
    for heading, justify in _COLUMNS:
        table.add_column(heading.format(title=title), justify=justify, no_wrap=True)
    for candidate in decision.candidates:
        table.add_row(*_row(candidate), style=_STYLES.get(candidate.status))
    _console.print(table)
    for candidate in decision.candidates:
        if candidate.note:
            show_text(f"{candidate.model}: {candidate.note}")
    of_pixels = decision.objective.goal is Goal.MEAN_IOU
    _console.print(f"\n[bold green]{decision.winner}[/] answers {_right(test, of_pixels=of_pixels)} right.")
    if not decision.objective.is_accuracy:
        show_text(_score(title, result.test_score))
    show_text(optimism(decision, result.test_score))
    for reason in reasons(decision):
        show_text(f"- {reason}")
    for topic, sentence in prospects(decision):
        show_text(f"- {topic}: {sentence}")
    show_text(advice(decision))
    show_text(f"\nmodel   {result.path / 'best'}\nreport  {result.report}")


_CAPTION = (
    "{title} on the select split, 95 % interval, after training on that share of the data; expected at all of it; "
    "latency of one image on {on}"
)
_COLUMNS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("model", "left"),
    ("status", "left"),
    ("{title} %", "right"),
    ("data", "right"),
    ("at all", "right"),
    ("ms", "right"),
    ("params", "right"),
    ("trained", "right"),
)


def _right(test: Measurement, *, of_pixels: bool) -> str:
    share = f"{100 * test.value:.1f} % [{100 * (test.low or 0):.1f}, {100 * (test.high or 0):.1f}]"
    return f"{share} {'of the pixels ' if of_pixels else ''}of {test.n:,} untouched test images"


def _score(title: str, test: Measurement) -> str:
    """What the objective is on the test images, where it is not accuracy."""
    interval = f"[{100 * (test.low or 0):.1f}, {100 * (test.high or 0):.1f}]"
    return f"Its {title} on them is {100 * test.value:.1f} % {interval}{test.note and f'; {test.note}'}."


def _row(candidate: Candidate) -> tuple[str, ...]:
    row, expected, cost = candidate.score, candidate.expected, candidate.cost
    return (
        candidate.model,
        candidate.status,
        f"{100 * row.value:.1f} [{100 * (row.low or 0):.0f}, {100 * (row.high or 0):.0f}]" if row else "",
        f"{candidate.fraction:.0%}" if row else "",
        f"{100 * expected.mean:.1f}" if expected else "",
        f"{cost.latency:.2f}",
        format_count(cost.params),
        f"{candidate.train_seconds:.0f} s" if row else "",
    )


def show_audit(images: ImageData, health: Audit) -> None:
    """Counts, then one line a finding."""
    show_text(f"{images.name}: {images.samples.height:,} images, {len(images.classes)} classes")
    show_findings(health.findings())


def show_findings(findings: Iterable[Finding]) -> None:
    """One line each."""
    for finding in findings:
        show_text(f"{finding.severity}: {finding.text}")


def show_predictions(predictions: Sequence[Prediction], *, as_json: bool) -> None:
    """One line an image."""
    for p in predictions:
        if as_json:
            show_text(json.dumps(asdict(p), default=str))
        else:
            show_text(f"{p.path}\t{p.error or f'{p.label}	{p.probability:.4f}'}")


def show_answers(answers: Iterable[Answer], *, as_json: bool) -> None:
    """One line an answer, as soon as it is there."""
    for a in answers:
        if as_json:
            show_text(json.dumps(a._asdict()))
        else:
            show_text("\t".join([a.asked, a.answer] + ([] if a.probability is None else [f"{a.probability:.4f}"])))
