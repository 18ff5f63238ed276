"""How good is a trained model on labelled images?"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int

from anmok.api.listing import choose_samples, list_images
from anmok.api.train_images import EVALUATION_BATCH
from anmok.data import ImageData, Order, Split
from anmok.data.squares import Squares
from anmok.errors import DataError, RequestError
from anmok.evaluation.metrics import (
    ClassScore,
    Proportion,
    accuracy,
    calibration_error,
    class_scores,
    confusion_matrix,
    macro_f1,
)
from anmok.selection.observer import Observer, Silent
from anmok.training.classifier import best_of, load_classifier
from anmok.training.distributed import is_first, process_group
from anmok.training.inference import VIEWS, probabilities


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a model made of a set of images."""

    accuracy: Proportion
    macro_f1: float
    calibration_error: float
    classes: tuple[ClassScore, ...]  # of those that have images or answers
    names: tuple[str, ...]  # of all classes that the model knows
    confusion: Int[np.ndarray, "k k"]  # how often class i (row) was answered with class j (column)
    is_first: bool = True  # of the processes that share the work

    def as_dict(self) -> dict[str, Any]:
        """The same, for machines."""
        return {
            "accuracy": asdict(self.accuracy),
            "macro_f1": self.macro_f1,
            "calibration_error": self.calibration_error,
            "classes": {self.names[score.label]: asdict(score) for score in self.classes},
            "confusion": self.confusion.tolist(),
        }


def evaluate(
    model: str | Path,
    data: str | Path | ImageData,
    *,
    split: Split | None = None,
    views: int = 1,
    observer: Observer | None = None,
) -> Evaluation:
    """Test a trained model, a run directory or its best/, on labelled images.

    Of images that the run was trained on, its own test split; of others with splits, theirs; else all; `split` names
    another. Each answer is the mean over 1, 2 or 6 `views`: the image; its mirror image too; both shifted as well.
    Classes are matched by their names; the images may lack some. Raises an `AnmokError` that says what to do.
    """
    if views not in VIEWS:
        raise RequestError(f"An answer is the mean over 1, 2 or 6 views: got {views}. Choose one of these.")
    watching = observer if observer and is_first() else Silent()
    directory = best_of(Path(model))
    classifier = load_classifier(directory)
    config = classifier.config
    images = list_images(data, watching)
    samples, note = choose_samples(images, directory, split)
    with process_group() as device:
        if note:
            watching.note(note)
        watching.stage("Evaluation")
        order = Order(samples["id"].to_numpy(), batch_size=EVALUATION_BATCH, seed=None)
        source = Squares(data=images, order=order, size=config.image_size, crop_share=config.crop_share)
        answers = probabilities(classifier.to(device), source, device, views=views)
        first = is_first()
    labels = _labels(images, samples, config.classes)
    predicted = answers.argmax(1)
    confusion = confusion_matrix(labels, predicted, len(config.classes))
    scores = class_scores(confusion)
    return Evaluation(
        accuracy=accuracy(predicted == labels),
        macro_f1=macro_f1(scores),
        calibration_error=calibration_error(answers.max(1), predicted == labels),
        classes=tuple(scores),
        names=config.classes,
        confusion=confusion,
        is_first=first,
    )


def _labels(images: ImageData, samples: pl.DataFrame, known: tuple[str, ...]) -> Int[np.ndarray, " n"]:
    unknown = [name for name in images.classes if name not in known]
    if unknown:
        raise DataError(
            f"The images have classes that the model knows: '{images.name}' has '{unknown[0]}', and the model "
            f"{', '.join(known[:5])}{', ...' if len(known) > 5 else ''}. Rename or remove the class."
        )
    theirs = np.array([known.index(name) for name in images.classes])
    return theirs[samples["label"].to_numpy()]
