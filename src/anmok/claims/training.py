"""An arm that trains a network from scratch."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from anmok.backbone import Backbone
from anmok.catalogue import create_model, require_model
from anmok.claims.claim import TEST, TRAINING, Record, Situation
from anmok.claims.material import Sample
from anmok.data import Augmentation, Batches, Order, channel_statistics
from anmok.errors import RequestError
from anmok.evaluation.cost import count_macs, count_params
from anmok.training.classifier import ClassifierConfig, ImageClassifier, save_classifier
from anmok.training.image_classification import ImageClassification
from anmok.training.inference import share_correct
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipe import Precision, Recipe
from anmok.training.teacher import find_teacher

DEVICE = torch.device("cpu")
_EVALUATION_BATCH = 250

Look: TypeAlias = Callable[[ImageClassifier, Sample, Sample], Record]
"""Further quantities of a network, before images for training and for testing."""

# Nothing that hides what is compared: no smoothing, no decay, no augmentation; the same arithmetic on every machine.
BARE = Recipe(
    learning_rate=1e-3,
    weight_decay=0.0,
    label_smoothing=0.0,
    augmentation=Augmentation.NONE,
    precision=Precision.FP32,
)
# What the claims about architectures share.
USUAL = replace(BARE, weight_decay=0.05, augmentation=Augmentation.FLIP_CROP)


def lasting(recipe: Recipe, epochs: int, scale: float) -> Recipe:
    """The recipe with so many epochs, times the scale."""
    return replace(recipe, epochs=ceil(epochs * scale))


def spec_of(model: str, side: int) -> Any:
    """A preset's, for square images of another side."""
    return replace(require_model(model).spec, img_size=(side, side))


@dataclass(frozen=True, kw_only=True)
class Training:
    """A network, built for the images' size, and how it is trained."""

    model: str
    spec: Any  # of the model
    recipe: Recipe
    per_class: int  # training images
    teacher: str = ""  # arm of the same claim
    alter: Callable[[Backbone, int], None] | None = None  # changes the network of a seed before it is trained
    before: Look | None = None
    after: Look | None = None

    @property
    def side(self) -> int:
        """Of the images, pixels."""
        return int(self.spec.img_size[0])

    def run(self, situation: Situation, keep: Path | None) -> Record:
        """Accuracies in percent of the last weights, what else was looked at, and the cost of the network."""
        if situation.material is None:
            raise RequestError("A training takes images: got none. Name data.")
        material, seed = situation.material, situation.seed
        train, test = material.training(self.side, self.per_class, seed), material.testing(self.side)
        classes = material.data.classes
        network = self._network(classes, train, seed)
        record = self.before(network, train, test) if self.before else {}
        result = fit(
            Fit(
                network=network,
                task=ImageClassification(
                    num_classes=len(classes),
                    teacher=find_teacher(situation.weights(self.teacher), classes) if self.teacher else None,
                ),
                train=_batches(train, self.recipe.batch_size, seed),
                recipe=self.recipe,
                device=DEVICE,
                seed=seed,
            )
        )
        if keep is not None:
            save_classifier(network, keep)
        record |= self.after(network, train, test) if self.after else {}
        return record | {
            TRAINING: accuracy(network, train),
            TEST: accuracy(network, test),
            "loss": result.losses[-1],
            "params": count_params(network),
            "MACs": count_macs(network, self.side, self.side),
            "epochs": self.recipe.epochs,
            "images": len(train.labels),
        }

    def _network(self, classes: tuple[str, ...], train: Sample, seed: int) -> ImageClassifier:
        mean, std = channel_statistics(train.pixels, np.arange(len(train.pixels)))
        config = ClassifierConfig(model=self.model, classes=classes, image_size=self.side, mean=mean, std=std)
        torch.manual_seed(seed)
        backbone = create_model(self.model, spec=self.spec, num_classes=len(classes))
        if self.alter is not None:
            self.alter(backbone, seed)
        return ImageClassifier(config, backbone=backbone)


def accuracy(network: nn.Module, sample: Sample) -> float:
    """Share of right answers, percent."""
    return 100 * share_correct(network, _batches(sample, _EVALUATION_BATCH, None), DEVICE)


def _batches(sample: Sample, batch_size: int, seed: int | None) -> Batches:
    order = Order(np.arange(len(sample.labels)), batch_size=batch_size, seed=seed)
    return Batches(sample.pixels, sample.labels, order)
