"""One class for every pixel of an image."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Int
from torch import nn

from anmok import backbone
from anmok.data import BatchSource, Finding, Order, Split, channel_statistics, make_splits, prepare, read_image
from anmok.data.folder import SUFFIXES, visible_files
from anmok.data.imagedata import SPLITS
from anmok.data.mask_audit import audit_masks, mask_findings
from anmok.data.mask_batches import MaskWindows, WholeImage, WholeImages
from anmok.data.mask_classes import Naming
from anmok.data.mask_files import write_ids
from anmok.data.mask_windows import LABELS, Windows, reduced
from anmok.data.masks import MaskedImages, load_masks
from anmok.errors import DataError
from anmok.evaluation.segmentation import PixelCounts, count_pixels, stack
from anmok.tasks.image_segmenter import build_segmenter, classes_of, logits_of
from anmok.tasks.mask_drawings import draw_masks
from anmok.tasks.section import Picture
from anmok.tasks.segmentation_scores import ImageCounts, class_section, count, score_rows, worst_images, worst_section
from anmok.tasks.segmentation_training import SegmentationTraining, median_frequency_weights, window_size
from anmok.tasks.task import Answer, Problem, Task, Tested
from anmok.training.recipe import Recipe

SHORTER = 512  # pixels that the shorter sides of larger images are reduced to, to be learned from and answered
_SAMPLE, _SIDE = 256, 64  # images that statistics of colours are taken of, and their side in pixels


class Segmentation(Problem):
    """Images with masks, split; `normalisation` is the mean and deviation of colours, where a network has its own."""

    def __init__(
        self,
        data: MaskedImages,
        splits: pl.DataFrame,
        findings: Sequence[Finding],
        normalisation: tuple[Sequence[float], Sequence[float]] | None = None,
        shorter: int = SHORTER,
    ) -> None:
        self.name, self.data, self._findings, self.shorter = data.images.name, data, findings, shorter
        self.splits = splits.select("id", "path", "mask", "split", "group")
        self._normalisation = normalisation or self._statistics()
        weights = median_frequency_weights(data.areas[self.ids("train")])
        self.training_task = SegmentationTraining(len(data.classes), weights)

    def findings(self) -> Sequence[Finding]:
        """Those of the images and of the masks."""
        return self._findings

    def config(self) -> dict[str, Any]:
        """Classes, their ids in masks, and the mean and deviation of the training images' colours."""
        mean, std = self._normalisation
        naming = {key: list(getattr(self.data.naming, key)) for key in ("classes", "ids", "void")}
        return naming | {"mean": list(mean), "std": list(std), "shorter": self.shorter}

    def batches(self, *splits: Split, recipe: Recipe, seed: int | None) -> BatchSource:
        """Squares of the images to be trained on, or whole images one by one."""
        return self.source(self.ids(*splits), recipe, seed)

    def source(self, ids: Int[np.ndarray, " n"], recipe: Recipe, seed: int | None) -> BatchSource:
        """The same of some images."""
        if seed is None:
            order = Order(ids, batch_size=1, seed=None)
            return WholeImages(data=self.data, order=order, shorter=self.shorter)
        windows = Windows(
            size=window_size(recipe),
            augmentation=recipe.augmentation,
            shift=recipe.shift,
            crop_area=recipe.crop_area,
        )
        order = Order(ids, batch_size=recipe.batch_size, seed=seed, repeats=recipe.repeats)
        borders = recipe.border_weight > 0
        return MaskWindows(data=self.data, order=order, windows=windows, shorter=self.shorter, borders=borders)

    def test(self, network: nn.Module, split: Split | None, device: torch.device) -> Tested:
        """MIoU, Dice, boundary IoU, pixel error and the IoU of each class; a table of classes, the worst images."""
        ids = self.ids(split) if split else self.splits["id"].to_numpy()
        if not len(ids):
            raise DataError(f"There are no {split} images in '{self.name}'. Name another split, or none.")
        network = network.to(device).eval()
        return self.tested(network, self.counts(network, ids))

    def tested(self, network: nn.Module, counts: Sequence[ImageCounts]) -> Tested:
        """The same of images whose pixels have been counted; the network is where it is to answer, in eval mode."""
        classes = self.data.classes
        worst = dict(worst_images(counts))
        pictures = [
            Picture.of_png(
                f"{self.data.images.path(image.id)}: mIoU {worst[image.id]:.1%}",
                draw_masks(self.data.images.read(image.id), image.mask, _predict(network, image)),
            )
            for image in self._whole_images(np.array([*worst]))
        ]
        return Tested(score_rows(counts, classes), [class_section(counts, classes), worst_section(pictures)])

    def counts(self, network: nn.Module, ids: Int[np.ndarray, " n"]) -> list[ImageCounts]:
        """What is right in each of some images, likewise."""
        k = len(self.data.classes)
        return [count(image.id, _predict(network, image), image.mask, k) for image in self._whole_images(ids)]

    def pixel_counts(self, network: nn.Module, ids: Int[np.ndarray, " n"]) -> PixelCounts:
        """The same without what is right at contours, which takes the longer."""
        k = len(self.data.classes)
        return stack([count_pixels(_predict(network, image), image.mask, k) for image in self._whole_images(ids)])

    def ids(self, *splits: Split) -> Int[np.ndarray, " n"]:
        """Ids of the images of some splits."""
        return self.splits.filter(pl.col("split").is_in(splits))["id"].to_numpy()

    def _whole_images(self, ids: Int[np.ndarray, " n"]) -> Iterator[WholeImage]:
        return WholeImages(data=self.data, order=Order(ids, batch_size=1, seed=None), shorter=self.shorter).epoch(0)

    def _statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        ids = self.ids("train")
        some = ids[np.linspace(0, len(ids) - 1, min(_SAMPLE, len(ids))).astype(int)]
        squares = np.stack([prepare(self.data.images.read(id, at_least=_SIDE), _SIDE) for id in some.tolist()])
        return channel_statistics(squares, np.arange(len(squares)))


def open_masks(path: Path, seed: int, *, shorter: int = SHORTER) -> Segmentation:
    """Read, audit and split a user's images with masks."""
    data = load_masks(path)
    health = audit_masks(data)
    splits = make_splits(data.images, health, seed=seed)
    lacking = [split for split in SPLITS if splits.filter(split=split).is_empty()]
    if lacking:
        raise DataError(
            f"Images are needed to train, to select and to test: the {splits.height:,} of '{data.images.name}' leave "
            f"none for {' and '.join(lacking)}. Add images."
        )
    return Segmentation(data, splits, mask_findings(data, health, splits), shorter=shorter)


def reopen_masks(path: Path, config: Mapping[str, Any]) -> Segmentation:
    """Read further images with masks for a trained network; masks that cannot be read are left out."""
    known = Naming(classes=tuple(config["classes"]), ids=tuple(config["ids"]), void=tuple(config["void"]))
    data = load_masks(path, known)
    unreadable = data.scan.unreadable
    splits = data.images.samples.filter(~pl.col("id").is_in([bad.id for bad in unreadable]))
    findings = [Finding("warning", f"'{bad.path}' cannot be read and is left out: {bad.reason}.") for bad in unreadable]
    return Segmentation(data, splits, findings, (config["mean"], config["std"]), config["shorter"])


def answer_masks(network: nn.Module, config: Mapping[str, Any], asked: Sequence[str], folder: Path) -> Iterator[Answer]:
    """Write the mask of each image, and of all below folders, into a folder; how sure the network is, on the mean."""
    taken: set[Path] = set()
    for file in _image_files(asked):
        image = read_image(file)
        pixels = reduced(image, np.zeros(image.shape[:2], dtype=np.uint8), config["shorter"])[:LABELS]
        logits = logits_of(network, pixels)
        ids = np.array(config["ids"], dtype=np.uint8)[classes_of(logits, *image.shape[:2])]
        names = (folder / f"{file.stem}-mask{number}.png" for number in ("", *(f"-{n}" for n in range(2, 10_000))))
        path = next(name for name in names if name not in taken)
        taken.add(path)
        write_ids(ids, path)
        yield Answer(str(file), str(path), float(logits.softmax(1).amax(1).mean()))


def _predict(network: nn.Module, image: WholeImage) -> np.ndarray:
    return classes_of(logits_of(network, image.pixels), *image.mask.shape)


def _image_files(asked: Sequence[str]) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, asked):
        below = sorted(path / f for f in visible_files(path) if f.suffix.lower() in SUFFIXES) if path.is_dir() else []
        if path.is_dir() and not below:
            raise DataError(f"Images are needed: '{path}' holds none. Give image files, or folders that hold some.")
        files += below or [path]
    return files


TASK = Task(
    task=backbone.Task.SEGMENTATION,
    recipe="segmentation",
    open=open_masks,
    reopen=reopen_masks,
    build=build_segmenter,
    answer=answer_masks,
)
