"""The images of a run, decoded once and shared by all its processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int32, UInt8
from torch import nn

from anmok.backbone import Scaling
from anmok.catalogue import split_tag
from anmok.catalogue.scaling import UNSCALED
from anmok.data import Batches, Order, ResizedCrop, channel_statistics, nested_fraction, read_pixels, read_splits
from anmok.evaluation.measurements import Outcome
from anmok.selection.run_directory import RunDirectory
from anmok.tasks import Tested
from anmok.training.classifier import ClassifierConfig, ImageClassifier, save_classifier
from anmok.training.head_start import fit_head
from anmok.training.image_classification import ImageClassification
from anmok.training.inference import probabilities
from anmok.training.pretrained import open_start
from anmok.training.recipe import Recipe
from anmok.training.task import TrainingTask

EVALUATION_BATCH = 256
WEIGHTS = "weights"  # a model starts from pretrained ones; the note says which


@dataclass(frozen=True, kw_only=True)
class Material:
    """Pixels, labels and splits; row i of the pixels is row i of splits.parquet."""

    pixels: UInt8[np.ndarray, "n c side side"]
    labels: Int32[np.ndarray, " n"]
    splits: pl.DataFrame
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    starts: Mapping[str, Path] = field(default_factory=dict)  # by model: the weights that its trainings start from

    def rows(self, *splits: str) -> Int32[np.ndarray, " m"]:
        """Rows that belong to any of the splits."""
        return np.flatnonzero(self.splits["split"].is_in(splits).to_numpy()).astype(np.int32)

    def fraction(self, fraction: float, seed: int) -> Int32[np.ndarray, " m"]:
        """Rows of a stratified part of the train split; smaller parts lie inside larger ones."""
        train = self.rows("train")
        return nested_fraction(train, self.labels[train], fraction, seed).astype(np.int32)

    def training(self, rows: Int32[np.ndarray, " m"], recipe: Recipe, seed: int) -> Batches:
        """Shuffled, augmented batches of these rows."""
        resized = recipe.augmentation.endswith("resized-crop")
        crop = ResizedCrop(area=(recipe.crop_area, 1.0)) if resized else None
        return Batches(self.pixels, self.labels, Order(rows, batch_size=recipe.batch_size, seed=seed), crop=crop)

    def evaluation(self, rows: Int32[np.ndarray, " m"]) -> Batches:
        """Batches of these rows, in their order and as they are."""
        return Batches(self.pixels, self.labels, Order(rows, batch_size=EVALUATION_BATCH, seed=None))

    def config(self, model: str, scaling: Scaling = UNSCALED) -> ClassifierConfig:
        """The classifier that these images, which have the scaled resolution already, call for."""
        return ClassifierConfig(
            model=split_tag(model)[0],
            classes=self.classes,
            image_size=self.side,
            mean=self.mean,
            std=self.std,
            depth=scaling.depth,
            width=scaling.width,
        )

    @property
    def side(self) -> int:
        """Of the images, pixels."""
        return int(self.pixels.shape[-1])

    @property
    def task(self) -> TrainingTask:
        """What networks learn."""
        return ImageClassification()

    def fresh(self, model: str, scaling: Scaling = UNSCALED) -> ImageClassifier:
        """A network for these images with random weights."""
        return ImageClassifier(self.config(model, scaling))

    def network(self, model: str, scaling: Scaling = UNSCALED) -> ImageClassifier:
        """A network for these images as its training starts: from pretrained weights, or from scratch."""
        if model in self.starts:
            return open_start(self.starts[model], self.config(model))
        return self.fresh(model, scaling)

    def begin(
        self, model: str, rows: Int32[np.ndarray, " m"], device: torch.device, scaling: Scaling = UNSCALED
    ) -> ImageClassifier:
        """The same for a training on these rows: pretrained weights get a head that is fitted to them."""
        classifier = self.network(model, scaling)
        if model in self.starts:
            fit_head(classifier, self.evaluation(rows), torch.from_numpy(self.labels[rows]).long(), device)
        return classifier

    def judge(self, network: nn.Module, model: str, split: str, device: torch.device) -> Outcome:
        """What a trained network answers for a split, ready for the table."""
        answers = probabilities(network, self.evaluation(self.rows(split)), device)
        return self.outcome(model, split, answers)

    def test(self, network: nn.Module, model: str, device: torch.device) -> tuple[Outcome, Tested]:
        """The same of the test split; the answers say all."""
        return self.judge(network, model, "test", device), Tested(())

    def save(self, network: nn.Module, model: str, directory: Path, facts: dict[str, object], tested: Tested) -> None:
        """Write a trained network to where `anmok.load` finds it."""
        save_classifier(cast(ImageClassifier, network.cpu()), directory, facts)

    def outcome(self, model: str, split: str, probabilities: Float[np.ndarray, "n k"]) -> Outcome:
        """Answers for a split that were given elsewhere, likewise."""
        rows = self.rows(split)
        labels, predicted = self.labels[rows], probabilities.argmax(1).astype(np.int32)
        each = np.arange(len(rows))
        return Outcome(
            subject=model,
            split=split,
            conditions={},
            ids=rows,
            labels=labels,
            predicted=predicted,
            confidence=probabilities[each, predicted].astype(np.float32),
            true_probability=probabilities[each, labels].astype(np.float32),
            rank=_ranks(probabilities, labels),
        )


def _ranks(probabilities: np.ndarray, labels: Int32[np.ndarray, " n"]) -> Int32[np.ndarray, " n"]:
    """How many classes come before that of each image; of equally probable ones the first does, as in the answer."""
    of_label, labelled = np.take_along_axis(probabilities, labels[:, None], 1), labels[:, None]
    before = (probabilities == of_label) & (np.arange(probabilities.shape[1]) < labelled)
    return ((probabilities > of_label) | before).sum(1, dtype=np.int32)


def open_material(run: RunDirectory, image_size: int, classes: tuple[str, ...]) -> Material:
    """Map the decoded images of a run into memory; nothing is copied."""
    splits = read_splits(run.splits)
    pixels = read_pixels(run.pixels(image_size))
    train = np.flatnonzero((splits["split"] == "train").to_numpy())
    mean, std = channel_statistics(pixels, train)
    labels = splits["label"].to_numpy().astype(np.int32)
    starts = {row.subject: run.start(row.subject) for row in run.measurements.rows(metric=WEIGHTS)}
    return Material(pixels=pixels, labels=labels, splits=splits, classes=classes, mean=mean, std=std, starts=starts)
