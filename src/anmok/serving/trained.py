"""A trained classifier in use."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from anmok.backbone import Task
from anmok.data import Progress
from anmok.errors import ExportError, RequestError
from anmok.serving.check_images import images_of_folder, images_of_run
from anmok.serving.files import find_images, none_readable
from anmok.serving.onnx import ExportReport, export_onnx
from anmok.serving.prediction import Prediction, predict_files
from anmok.tasks.trained import TaskNetwork, load_task_network, task_of
from anmok.training.classifier import CONFIG, ClassifierConfig, best_of, load_classifier, save_classifier
from anmok.training.device import default_device

FORMATS = ("onnx",)


class Classifier:
    """What a run left in `best/`: it predicts on the fastest device there is, and can be exported.

    Raises:
        WeightsError: the directory, or its `best/`, holds no trained classifier.
    """

    def __init__(self, directory: str | Path) -> None:
        self._directory = best_of(Path(directory))
        self._network = load_classifier(self._directory).to(default_device())
        stored = json.loads((self._directory / CONFIG).read_text())
        self.facts: dict[str, object] = {k: v for k, v in stored.items() if k not in {*asdict(self.config), "anmok"}}
        """What was written down of its training: data, recipe, test accuracy."""

    @property
    def config(self) -> ClassifierConfig:
        """Backbone, classes and preprocessing."""
        return self._network.config

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.config.classes

    def predict(
        self, paths: str | Path | Iterable[str | Path], *, top_k: int = 5, progress: Progress | None = None
    ) -> list[Prediction]:
        """Answer files, and all images below folders; at most `top_k` classes are kept of each answer.

        A file that cannot be read gives a prediction with `error` set.

        Raises:
            DataError: there is no image that can be read.
        """
        if top_k < 1:
            raise RequestError(f"At least one class is kept of each answer: got top_k={top_k}. Give 1 or more.")
        files = find_images(paths)
        predictions = list(predict_files(self._network, files, top_k=top_k, progress=progress))
        if all(prediction.error for prediction in predictions):
            raise none_readable(str(predictions[0].error), len(files))
        return predictions

    def export(
        self,
        path: str | Path,
        *,
        to: str = "onnx",
        dynamic_size: bool = False,
        check_images: str | Path | None = None,
    ) -> ExportReport:
        """Write the classifier for other programs, checked on real images; `to` is 'onnx'.

        It takes images of the size that it was trained on, the fastest form; with `dynamic_size`, for convolutional
        networks, any height and width. The check takes up to 100 images: of the folder `check_images`, or else of the
        run's test split.

        Raises:
            ExportError: the exported model does not answer like this one, or cannot be written or checked.
        """
        if to not in FORMATS:
            raise RequestError(f"A classifier is exported to {' or '.join(FORMATS)}: got '{to}'.")
        size = self.config.image_size
        if check_images is None:
            images = images_of_run(self._directory.parent, size)
        else:
            images = images_of_folder(check_images, size)
        return export_onnx(self._network, Path(path), images, dynamic_size=dynamic_size)

    def save(self, directory: str | Path) -> None:
        """Write the weights and the configuration into a directory that `Classifier` reads.

        Raises:
            ExportError: it cannot be written.
        """
        try:
            save_classifier(self._network, Path(directory), self.facts)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ExportError(f"'{directory}' cannot be written: {reason}. Choose another directory.") from error


def load(directory: str | Path) -> Classifier | TaskNetwork:
    """The trained network of a run directory, or of a directory that its `save` wrote.

    A `Classifier` of images, or for any other task a `TaskNetwork`.
    """
    if task_of(Path(directory)) is Task.CLASSIFICATION:
        return Classifier(directory)
    return load_task_network(Path(directory))
