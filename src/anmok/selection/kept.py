"""The network of each model that was trained on the most images: kept until the finalists have been looked at."""

import shutil
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from anmok.catalogue import as_file_name
from anmok.selection.run_directory import RunDirectory
from anmok.training.classifier import CONFIG, ImageClassifier, load_classifier, save_classifier

_PREFIX = "kept-"


class Trained(NamedTuple):
    """Which training a network came from."""

    model: str
    fraction: float
    seed: int


def keep(run: RunDirectory, trial: Trained, classifier: ImageClassifier) -> None:
    """Put a trained network by, and drop those of the model that saw fewer images, or as many with a later seed.

    Each has a folder of its own: workers, also one that outlives a killed run for a moment, never write to the same.
    """
    name = f"{_PREFIX}{trial.fraction:.4f}-{trial.seed}-{uuid4().hex}"
    save_classifier(classifier, _folder(run, trial.model) / name)
    for other in _kept(run, trial.model)[:-1]:
        shutil.rmtree(other, ignore_errors=True)


def recall(run: RunDirectory, model: str) -> ImageClassifier | None:
    """The network that saw most images; None where none is kept."""
    kept = _kept(run, model)
    return load_classifier(kept[-1]) if kept else None


def forget(run: RunDirectory) -> None:
    """Drop all that is kept."""
    for folder in (run.root / "trials").glob(f"*/{_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _folder(run: RunDirectory, model: str) -> Path:
    return run.root / "trials" / as_file_name(model)


def _kept(run: RunDirectory, model: str) -> list[Path]:
    """Those that are whole, the most wanted last."""
    return sorted((path.parent for path in _folder(run, model).glob(f"{_PREFIX}*/{CONFIG}")), key=_rank)


def _rank(folder: Path) -> tuple[float, int]:
    fraction, seed, _ = folder.name.removeprefix(_PREFIX).split("-")
    return float(fraction), -int(seed)
