"""A backbone with the preprocessing it was trained with: images in [0, 1] -> logits; saved and loaded as one."""

import json
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from anmok.backbone import Backbone
from anmok.catalogue import create_model, require_model
from anmok.data.atomic import written_whole
from anmok.errors import WeightsError
from anmok.shapes import Images, Logits

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """All that is needed, beside the weights, to rebuild a trained classifier."""

    model: str  # name in the catalogue
    classes: tuple[str, ...]
    image_size: int  # pixels of the side of the centred square that is seen
    mean: tuple[float, ...]  # per channel, images in [0, 1]
    std: tuple[float, ...]
    depth: float = 1.0  # times the model's layers, and
    width: float = 1.0  # times its channels: compound scaling
    crop_share: float = 1.0  # of the image's shorter side that the square has


class ImageClassifier(nn.Module):
    """Normalisation, then the backbone; one that was built elsewhere, with other wishes, may be given."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: ClassifierConfig, *, backbone: Backbone | None = None) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.tensor(config.mean), persistent=False)
        self.register_buffer("std", torch.tensor(config.std), persistent=False)
        if backbone is not None:
            self.backbone = backbone
            return
        spec = None
        if (config.depth, config.width) != (1, 1):
            spec = require_model(config.model).spec.scaled(depth=config.depth, width=config.width)
        self.backbone = create_model(
            config.model, spec=spec, num_classes=len(config.classes), img_size=config.image_size
        )

    def forward(self, images: Images) -> Logits:
        """Logits of images in [0, 1]."""
        return self.backbone(self._normalised(images))

    def training_logits(self, images: Images) -> list[Logits]:
        """What the losses of training see: the head's logits, then those of heads that only training uses."""
        return self.backbone.training_logits(self._normalised(images))

    @property
    def distilled(self) -> bool:
        """Whether the second of the `training_logits` learns from a teacher."""
        return bool(getattr(self.backbone.spec, "distilled", False))

    def _normalised(self, images: Images) -> Images:
        mean, std = (rearrange(t, "c -> c 1 1") for t in (self.mean, self.std))
        return (images - mean) / std


def save_classifier(classifier: ImageClassifier, directory: Path, facts: dict[str, object] | None = None) -> None:
    """Write `model.safetensors` and `config.json`; the config comes last, so a directory with it is whole.

    `facts` (recipe, accuracies, data) are kept beside the config for the reader; loading ignores them. Auxiliary
    heads, which only training uses, are left out.
    """
    weights = classifier.backbone.state_dict().items()
    with written_whole(directory / WEIGHTS) as partial:
        save_file({k: v.contiguous() for k, v in weights if not k.startswith("auxiliary.")}, partial)
    config = asdict(classifier.config) | {"anmok": metadata.version("anmok")} | (facts or {})
    with written_whole(directory / CONFIG) as partial:
        partial.write_text(json.dumps(config, indent=2))


def best_of(directory: Path) -> Path:
    """Where the classifier of a run directory lies; any other directory is its own."""
    return directory / "best" if (directory / "best" / CONFIG).is_file() else directory


def load_classifier(directory: Path) -> ImageClassifier:
    """Read what `save_classifier` wrote, in eval mode on the CPU.

    Raises `WeightsError` where the directory holds no classifier, or files that do not fit each other.
    """
    path = directory / CONFIG
    if not path.is_file():
        raise WeightsError(
            f"No trained model in '{directory}': {CONFIG} is missing. Name the folder of a finished run's best/."
        )
    try:
        stored = json.loads(path.read_text())
        if stored.get("task"):
            raise WeightsError(
                f"This is done with classifiers of images: '{directory}' holds a network for {stored['task']}. "
                "`anmok predict` and `anmok evaluate` take it."
            )
        config = ClassifierConfig(
            model=stored["model"],
            classes=tuple(stored["classes"]),
            image_size=stored["image_size"],
            mean=tuple(stored["mean"]),
            std=tuple(stored["std"]),
            depth=_factor(stored, "depth", path),
            width=_factor(stored, "width", path),
            crop_share=stored.get("crop_share", 1.0),
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise WeightsError(f"'{path}' is not a classifier's configuration ({error!r}). Train it again.") from error
    classifier = ImageClassifier(config)
    try:
        classifier.backbone.load_state_dict(load_file(directory / WEIGHTS))
    except (SafetensorError, FileNotFoundError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"'{directory / WEIGHTS}' does not fit {config.model}: {reason}. Train it again.") from error
    return classifier.eval()


def _factor(stored: dict[str, Any], name: str, path: Path) -> float:
    """A factor of compound scaling; 1 where there is none."""
    factor = stored.get(name, 1.0)
    if not isinstance(factor, int | float) or not 0.01 <= factor <= 100:
        raise WeightsError(
            f"'{path}' scales {stored['model']} by factors from 0.01 to 100: got {name}={factor}. Train it again."
        )
    return float(factor)
