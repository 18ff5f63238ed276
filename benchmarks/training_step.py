"""One training step, as Anmok's training has it and as timm's training script has it, on the same images."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from anmok.data import Augmentation, Batch, Draws
from anmok.training.classifier import ClassifierConfig, ImageClassifier
from anmok.training.image_classification import ImageClassification
from anmok.training.job import Fit
from anmok.training.optimizer import build_optimizer
from anmok.training.recipe import Precision, Recipe
from anmok.training.stepper import Stepper
from anmok.training.task import Moment

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from oracles import reference

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RECIPE = Recipe(learning_rate=1e-5, clip_norm=0.0, augmentation=Augmentation.NONE)  # AdamW and smoothed labels


def our_step(
    network: nn.Module, pixels: torch.Tensor, labels: torch.Tensor, precision: str, device: torch.device
) -> Callable[[], Any]:
    """All that `anmok.training` does with a batch: its images normalised, gradients, a step of AdamW."""
    recipe = RECIPE.changed({"precision": Precision(precision)})
    classes = tuple(map(str, range(1000)))
    config = ClassifierConfig(model="any", classes=classes, image_size=pixels.shape[-1], mean=MEAN, std=STD)
    classifier = ImageClassifier(config, backbone=network).to(device, memory_format=torch.channels_last)
    batch = Batch(pixels, labels, Draws(0, 0, np.arange(len(labels))))
    job = Fit(network=classifier, task=ImageClassification(), train=[batch], recipe=recipe, device=device, seed=0)
    stepper = Stepper(classifier, build_optimizer(classifier, recipe), job, len(labels))
    return lambda: stepper.step(batch, Moment(0, 0))


def timms_step(
    network: nn.Module, pixels: torch.Tensor, labels: torch.Tensor, precision: str, device: torch.device
) -> Callable[[], Any]:
    """What timm's loader and train.py (1.0) do with a batch, by their defaults, but with the same loss and AdamW."""
    optim, losses = reference("timm.optim"), reference("timm.loss")
    rates = {"lr": RECIPE.learning_rate, "weight_decay": RECIPE.weight_decay}
    optimizer = optim.create_optimizer_v2(network, opt="adamw", **rates)
    criterion = losses.LabelSmoothingCrossEntropy(RECIPE.label_smoothing)
    mean, std = (255 * torch.tensor(values, device=device)[:, None, None] for values in (MEAN, STD))

    def step() -> None:
        images = pixels.to(device).float().sub_(mean).div_(std)
        targets = labels.to(device)
        with autocast(precision, device):
            loss = criterion(network(images), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Of the forward pass, in both."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
