"""The network of each model that was trained on the most images: kept until the finalists have been looked at."""

import shutil
from pathlib import Path

from anmok.catalogue import as_file_name
from anmok.selection.run_directory import RunDirectory
from anmok.training.classifier import CONFIG, ImageClassifier, load_classifier, save_classifier


def keep(run: RunDirectory, model: str, fraction: float, classifier: ImageClassifier) -> None:
    """Put a trained network by, and drop those of the model that saw fewer images."""
    save_classifier(classifier, _folder(run, model) / _name(fraction))
    for older in _kept(run, model)[:-1]:
        shutil.rmtree(older, ignore_errors=True)


def recall(run: RunDirectory, model: str) -> ImageClassifier | None:
    """The network that saw most images; None where none is kept."""
    kept = _kept(run, model)
    return load_classifier(kept[-1]) if kept else None


def forget(run: RunDirectory) -> None:
    """Drop all that is kept."""
    for folder in (run.root / "trials").glob(f"*/{_name(0).partition('-')[0]}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _folder(run: RunDirectory, model: str) -> Path:
    return run.root / "trials" / as_file_name(model)


def _name(fraction: float) -> str:
    return f"kept-{fraction:.4f}"


def _kept(run: RunDirectory, model: str) -> list[Path]:
    """Those that are whole, fewest images first."""
    return sorted(path.parent for path in _folder(run, model).glob(f"kept-*/{CONFIG}"))
