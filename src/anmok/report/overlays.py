"""Where in the images lies what spoke for the wrong answers: Grad-CAM of the trained winner."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8

from anmok.errors import AnmokError
from anmok.explain import explanations, overlay
from anmok.selection.run_directory import RunDirectory
from anmok.training.classifier import CONFIG, load_classifier


class Overlays(NamedTuple):
    """An overlay for each image, or why there are none; neither where no model was trained to the end."""

    images: tuple[UInt8[np.ndarray, "c height width"], ...] = ()
    reason: str = ""


def draw_overlays(run: RunDirectory, pixels: UInt8[np.ndarray, "n c height width"], answers: Sequence[str]) -> Overlays:
    """Show what speaks for the answer to each image, with the model in the run's best/."""
    if not answers or not (run.best / CONFIG).is_file():
        return Overlays()
    try:
        network = load_classifier(run.best)
        targets = torch.tensor([network.config.classes.index(answer) for answer in answers])
        heats = explanations(network, torch.from_numpy(pixels), targets)
    except AnmokError as error:  # the page is written all the same
        return Overlays(reason=str(error))
    return Overlays(images=tuple(overlay(image, heat.numpy()) for image, heat in zip(pixels, heats, strict=True)))
