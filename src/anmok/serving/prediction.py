"""Image files -> labels and probabilities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from anmok.data import Prepared, Progress
from anmok.errors import DataError
from anmok.serving.files import prepare_files
from anmok.training.classifier import ImageClassifier

_BATCH = 64  # images answered at once


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a classifier says of one file, or why the file could not be read."""

    path: Path
    label: str | None = None  # the most probable class
    probability: float | None = None  # of it, in [0, 1]
    top: tuple[tuple[str, float], ...] = ()  # the most probable classes and their probabilities, best first
    error: str | None = None


def predict_files(
    network: ImageClassifier, files: Sequence[Path], *, top_k: int, progress: Progress | None = None
) -> Iterator[Prediction]:
    """Yield one prediction for each file, in their order."""
    size, share = network.config.image_size, network.config.crop_share
    pairs = zip(files, prepare_files(files, size, crop_share=share, progress=progress), strict=True)
    while batch := list(islice(pairs, _BATCH)):
        images = [image for _, image in batch if not isinstance(image, DataError)]
        rows = iter(_probabilities(network, images) if images else ())
        for path, image in batch:
            if isinstance(image, DataError):
                yield Prediction(path=path, error=str(image))
            else:
                yield _prediction(path, network.config.classes, next(rows), top_k)


@torch.inference_mode()
def _probabilities(network: ImageClassifier, images: list[Prepared]) -> Float32[np.ndarray, "b k"]:
    batch = torch.from_numpy(np.stack(images)).to(network.mean.device).float().div_(255)
    return network(batch.contiguous(memory_format=torch.channels_last)).softmax(1).cpu().numpy()


def _prediction(path: Path, classes: tuple[str, ...], row: Float32[np.ndarray, " k"], top_k: int) -> Prediction:
    best = np.argsort(-row, kind="stable")[:top_k]
    top = tuple((classes[i], float(row[i])) for i in best)
    return Prediction(path=path, label=top[0][0], probability=top[0][1], top=top)
