"""What a run directory holds, read once; everything on the page comes from here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from anmok.data import read_splits
from anmok.errors import RunDirectoryError
from anmok.evaluation.measurements import AnyOutcome, Measurement, Measurements
from anmok.selection.decide import Candidate, Decision, decide
from anmok.selection.evidence import Evidence, read_evidence
from anmok.selection.final import TEST_ACCURACY
from anmok.selection.objectives import read_test
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A machine and the software on it, with the number of rows that were measured there."""

    hardware: Mapping[str, str | int]
    versions: Mapping[str, str]
    rows: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One reading of a run directory."""

    run: RunDirectory
    request: Request
    rows: tuple[Measurement, ...]  # the whole table
    decision: Decision
    evidence: Evidence
    classes: tuple[str, ...]
    splits: pl.DataFrame
    test: Measurement | None  # accuracy of the winner after its final training
    score: Measurement | None  # its objective: the accuracy where no other was asked for
    answers: AnyOutcome  # of the winner: on the test split, else on the select split
    environments: tuple[Environment, ...]
    measured: tuple[str, str]  # first and last day

    def find(self, metric: str, subject: str) -> Measurement | None:
        """The newest row of a metric of a subject."""
        found = [row for row in self.rows if row.metric == metric and row.subject == subject]
        return found[-1] if found else None

    def listed(self, metric: str) -> list[Measurement]:
        """All rows of a metric."""
        return [row for row in self.rows if row.metric == metric]


def read_facts(run: RunDirectory) -> Facts:
    """Read the run and decide again from its table.

    Raises `RunDirectoryError` where there is no run, or one that has not finished a trial.
    """
    table = RunDirectory.existing(run.root).measurements
    evidence = read_evidence(table) if table.rows(metric="train_images", subject="data") else None
    if evidence is None or not evidence.finished:
        raise RunDirectoryError(
            f"The run in '{run.root}' has not finished a trial. Repeat its command: it resumes where it was."
        )
    decision = decide(table)
    winner = decision.winner
    test = table.rows(metric=TEST_ACCURACY, subject=winner)
    answers = table.outcomes(split="test", subject=winner)
    splits = read_splits(run.splits)
    environments, measured = _environments(table)
    return Facts(
        run=run,
        request=Request.read(run.request),
        rows=tuple(table.rows()),
        decision=decision,
        evidence=evidence,
        classes=_classes(table),
        splits=splits,
        test=test[-1] if test else None,
        score=read_test(table) if test else None,
        answers=answers[-1] if answers else _select_answers(table, decision[winner]),
        environments=environments,
        measured=measured,
    )


def _select_answers(table: Measurements, winner: Candidate) -> AnyOutcome:
    """Of its last trial on the most data."""
    answers = table.outcomes(split="select", subject=winner.model)
    return next(o for o in reversed(answers) if o.conditions["fraction"] == winner.fraction)


def _classes(table: Measurements) -> tuple[str, ...]:
    return tuple(row.note for row in sorted(table.rows(metric="class", subject="data"), key=lambda row: row.value))


def _environments(table: Measurements) -> tuple[tuple[Environment, ...], tuple[str, str]]:
    frame = table.frame()
    counts = frame.group_by("hardware", "versions", maintain_order=True).len()
    found = [
        Environment(hardware=json.loads(hardware), versions=json.loads(versions), rows=rows)
        for hardware, versions, rows in counts.iter_rows()
    ]
    days = sorted(stamp[:10] for stamp in frame["created"])
    return tuple(found), (days[0], days[-1])
