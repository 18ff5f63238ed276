"""A backbone with the preprocessing it was trained with: images in [0, 1] -> logits; saved and loaded as one."""

import json
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import torch
from einops import rearrange
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import WeightsError
from anmok.shapes import Images, Logits

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """All that is needed, beside the weights, to rebuild a trained classifier."""

    model: str  # name in the catalogue
    classes: tuple[str, ...]
    image_size: int  # pixels: shorter side scaled to this, then a centred square
    mean: tuple[float, ...]  # per channel, images in [0, 1]
    std: tuple[float, ...]


class ImageClassifier(nn.Module):
    """Normalisation, then the backbone."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.tensor(config.mean), persistent=False)
        self.register_buffer("std", torch.tensor(config.std), persistent=False)
        self.backbone = create_model(config.model, num_classes=len(config.classes), img_size=config.image_size)

    def forward(self, images: Images) -> Logits:
        """Logits of images in [0, 1]."""
        mean, std = (rearrange(t, "c -> c 1 1") for t in (self.mean, self.std))
        return self.backbone((images - mean) / std)


def save_classifier(classifier: ImageClassifier, directory: Path, facts: dict[str, object] | None = None) -> None:
    """Write `model.safetensors` and `config.json`; the config comes last, so a directory with it is whole.

    `facts` (recipe, accuracies, data) are kept beside the config for the reader; loading ignores them.
    """
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / f"{WEIGHTS}.partial"
    save_file({k: v.contiguous() for k, v in classifier.backbone.state_dict().items()}, partial)
    partial.replace(directory / WEIGHTS)
    config = asdict(classifier.config) | {"anmok": metadata.version("anmok")} | (facts or {})
    partial = directory / f"{CONFIG}.partial"
    partial.write_text(json.dumps(config, indent=2))
    partial.replace(directory / CONFIG)


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
        config = ClassifierConfig(
            model=stored["model"],
            classes=tuple(stored["classes"]),
            image_size=stored["image_size"],
            mean=tuple(stored["mean"]),
            std=tuple(stored["std"]),
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
