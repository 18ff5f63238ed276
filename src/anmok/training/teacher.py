"""Whom a student learns from, beside the labels."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn
from torch.nn import functional

from anmok.catalogue import create_model, split_tag
from anmok.errors import RequestError
from anmok.shapes import Images, Logits
from anmok.training.classifier import ClassifierConfig, ImageClassifier, best_of, load_classifier


class Resized(nn.Module):
    """A classifier that sees images at its own size, whatever size they have."""

    def __init__(self, classifier: ImageClassifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Images) -> Logits:
        """Logits of images in [0, 1]."""
        side = self.classifier.config.image_size
        if images.shape[2:] != (side, side):
            images = functional.interpolate(images, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
        return self.classifier(images)


def find_teacher(source: str | Path | nn.Module, classes: Sequence[str]) -> nn.Module:
    """A teacher for these classes: a trained classifier's directory, a model with public weights, or a module.

    A module takes images in [0, 1] and gives logits in the order of the classes; nobody can check that order, nor
    that of public weights.
    """
    if isinstance(source, nn.Module):
        return source
    directory = Path(source)
    if directory.is_dir():
        classifier = load_classifier(best_of(directory))
        if classifier.config.classes != tuple(classes):
            raise RequestError(
                f"A teacher knows its student's classes: '{source}' knows {_named(classifier.config.classes)}, and the "
                f"images have {_named(classes)}. Train a teacher on these images."
            )
        return Resized(classifier)
    backbone = create_model(str(source), pretrained=True)
    if backbone.num_classes != len(classes):
        raise RequestError(
            f"A teacher knows its student's classes: the public weights of {source} have {backbone.num_classes:,} "
            f"classes, and the images have {len(classes)}. Fine-tune it on these images first: "
            f"anmok train {source} DATA --pretrained."
        )
    known = backbone.pretrained_cfg
    config = ClassifierConfig(
        model=split_tag(str(source))[0],
        classes=tuple(classes),
        image_size=backbone.spec.img_size[0],
        mean=tuple(known["mean"]),
        std=tuple(known["std"]),
    )
    return Resized(ImageClassifier(config, backbone=backbone))


def _named(classes: Sequence[str]) -> str:
    more = ", ..." if len(classes) > 3 else ""
    return f"{len(classes)} ({', '.join(classes[:3])}{more})"
