"""Classifiers with random weights, and random images: as good as any for serving."""

import numpy as np
import torch

from anmok.training.classifier import ClassifierConfig, ImageClassifier

SIZE = 32


def random_classifier(model: str = "mlp_nano") -> ImageClassifier:
    torch.manual_seed(0)
    config = ClassifierConfig(
        model=model, classes=("cat", "dog", "owl"), image_size=SIZE, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3)
    )
    return ImageClassifier(config).eval()


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 3, SIZE, SIZE), dtype=np.uint8)
