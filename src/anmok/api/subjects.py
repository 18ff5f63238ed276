"""Whatever a user calls a model, and images, as something that probes can look at."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from anmok.api.listing import choose_samples, list_images
from anmok.catalogue import create_model, require_model, split_tag
from anmok.data import ImageData, Prepared
from anmok.data.pixels import prepare_image
from anmok.errors import DataError, RequestError
from anmok.probes import Normalised, Profile, Subject, pink_noise
from anmok.selection.observer import Observer
from anmok.shapes import Labels, Pixels
from anmok.training.classifier import CONFIG, ImageClassifier, best_of, load_classifier

COUNTS = {Profile.FAST: 32, Profile.STANDARD: 128, Profile.FULL: 256}  # images, at most
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Examinee(NamedTuple):
    """A network with what is known of it; `network` takes images in [0, 1]."""

    name: str
    network: nn.Module
    kind: str
    trained: str  # on what, in words; "no" for random weights
    size: int  # pixels of a side, that it is made for
    channels: int
    classes: tuple[str, ...] = ()  # of its logits, where they are known
    directory: Path = Path()  # that it was read from
    model: str | None = None  # name in the catalogue, by which it can be made anew


def find_network(model: str | Path | nn.Module, *, pretrained: bool, image_size: int | None) -> Examinee:
    """A run directory or its best/, a name of the catalogue, or a module that takes images normalised as ImageNet's."""
    if isinstance(model, nn.Module):
        return _of_module(model, image_size)
    if (best_of(Path(model)) / CONFIG).is_file():
        directory = best_of(Path(model))
        return _of_run(load_classifier(directory), image_size)._replace(directory=directory)
    preset = require_model(split_tag(str(model))[0])
    network = create_model(str(model), pretrained=pretrained, img_size=image_size)
    found = network.pretrained_cfg
    size = image_size or int(found["input_size"][1])
    kind, trained = str(preset.architecture.kind), "public weights" if pretrained else "no"
    normalised = Normalised(network, tuple(found["mean"]), tuple(found["std"])).eval()
    name, _ = split_tag(str(model))
    return Examinee(str(model), normalised, kind, trained, size, network.in_chans, model=name)


def _of_run(classifier: ImageClassifier, image_size: int | None) -> Examinee:
    config = classifier.config
    kind = str(require_model(config.model).architecture.kind)
    size = image_size or config.image_size
    return Examinee(config.model, classifier, kind, "its run's images", size, 3, config.classes, model=config.model)


def _of_module(network: nn.Module, image_size: int | None) -> Examinee:
    if isinstance(network, ImageClassifier):
        return _of_run(network, image_size)
    channels = next((m.in_channels for m in network.modules() if isinstance(m, nn.Conv2d)), 3)
    mean, std = ((c[:1] * channels if channels != 3 else c) for c in IMAGENET)
    normalised = Normalised(network, mean, std).train(network.training)
    return Examinee(type(network).__name__, normalised, "", "not known", image_size or 224, channels)


def make_subject(
    examinee: Examinee, data: str | Path | ImageData | None, profile: Profile, watching: Observer, *, seed: int
) -> Subject:
    """The network before images of the user, or before noise where there are none."""
    shape = (examinee.channels, examinee.size, examinee.size)
    pixels, labels, source = pink_noise(COUNTS[profile], *shape, seed=seed), None, "pink noise"
    if data is not None:
        images = list_images(data, watching)
        pixels, labels = read_some(images, examinee, COUNTS[profile], seed)
        source = images.name
    return Subject(
        name=examinee.name,
        network=examinee.network,
        pixels=pixels,
        labels=labels,
        source=source,
        trained=examinee.trained != "no",
        seed=seed,
    )


def read_some(images: ImageData, examinee: Examinee, count: int, seed: int) -> tuple[Pixels, Labels | None]:
    """Some of the readable images, drawn by lot, as the network sees them; labels where its classes are theirs.

    From the test split, the run's own or the images', where there is one.
    """
    if examinee.channels not in (1, 3):
        raise RequestError(
            f"Images have 1 or 3 channels: {examinee.name} takes {examinee.channels}. Probe it without --data."
        )
    samples, _ = choose_samples(images, examinee.directory)
    drawn = np.random.default_rng(seed).permutation(samples["id"].to_numpy()).tolist()
    crop_share = getattr(getattr(examinee.network, "config", None), "crop_share", 1.0)
    squares = dict(islice(_readable(images, drawn, examinee.size, crop_share), count))
    if len(squares) < 2:
        raise RequestError(f"Probes need two images or more: '{images.name}' has {len(squares)} readable. Add some.")
    pixels = torch.from_numpy(np.stack(list(squares.values())))
    if examinee.channels == 1:
        pixels = pixels.float().mean(1, keepdim=True).round().to(torch.uint8)
    return pixels, _labels(images, list(squares), examinee.classes)


def _readable(images: ImageData, ids: Iterable[int], size: int, crop_share: float) -> Iterator[tuple[int, Prepared]]:
    """The images that can be decoded, as a trained network sees them."""
    for id in ids:
        with suppress(DataError):
            yield id, prepare_image(images, size, id, crop_share)


def _labels(images: ImageData, ids: list[int], classes: tuple[str, ...]) -> Labels | None:
    if not classes or any(name not in classes for name in images.classes):
        return None
    theirs = np.array([classes.index(name) for name in images.classes])
    return torch.from_numpy(theirs[images.samples["label"].to_numpy()[ids]])
