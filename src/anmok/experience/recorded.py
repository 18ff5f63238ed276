"""The first memory: trainings that were recorded once and ship with Anmok as Parquet."""

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from anmok.experience.fingerprint import Fingerprint
from anmok.experience.records import FinishedTrial, digest

RECORDED = Path(__file__).with_name("recorded")
_COLUMNS = ("data", "model", "kind", "fraction", "images", "seed", "epochs", "select_accuracy", "test_accuracy")
_ORIGIN = ("seconds", "hardware", "versions", "recipe")


@dataclass(frozen=True)
class Recorded:
    """Trainings, and the fingerprint of every data set by its name."""

    trials: tuple[FinishedTrial, ...]
    fingerprints: dict[str, Fingerprint]


def read_recorded(folder: Path | None = None) -> Recorded:
    """Read `data.parquet` and `trials.parquet`, those that ship with Anmok; their per-image answers stay unread."""
    folder = folder or RECORDED
    described = pl.read_parquet(folder / "data.parquet", columns=["name", "fingerprint"])
    fingerprints = {name: Fingerprint.from_dict(json.loads(facts)) for name, facts in described.iter_rows()}
    rows = pl.read_parquet(folder / "trials.parquet", columns=[*_COLUMNS, *_ORIGIN])
    return Recorded(tuple(_trial(row) for row in rows.iter_rows(named=True)), fingerprints)


def _trial(row: dict[str, str | int | float]) -> FinishedTrial:
    recipe = json.loads(str(row.pop("recipe")))
    return FinishedTrial(run="recorded", recipe=digest(recipe), augmentation=recipe.get("augmentation", ""), **row)  # type: ignore[arg-type]
