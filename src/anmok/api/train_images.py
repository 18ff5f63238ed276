"""A user's images, split and ready to be trained on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Int, UInt8

from anmok.data import (
    Batches,
    BatchSource,
    ImageData,
    Order,
    audit,
    channel_statistics,
    make_splits,
    prepare,
    read_pixels,
    read_splits,
    write_pixels,
    write_splits,
)
from anmok.data.loader import Loader
from anmok.data.squares import Squares
from anmok.data.views import CenterCrop, ResizedCrop
from anmok.selection.observer import Observer
from anmok.selection.run_directory import RunDirectory
from anmok.training.losses import sampling_weights
from anmok.training.recipe import ClassBalance, Recipe

EVALUATION_BATCH = 64
_DECODED_ONCE = 2**31  # bytes of decoded images up to which they are kept in a file
_SAMPLE, _SAMPLE_SIDE = 512, 64  # images that statistics of colours are taken of, and their side in pixels


@dataclass(frozen=True, kw_only=True)
class TrainImages:
    """Splits and sizes; the pixels in one file, where every epoch sees the same squares and they are not too many."""

    data: ImageData
    splits: pl.DataFrame
    recipe: Recipe
    image_size: int  # pixels, in training
    run: RunDirectory

    @property
    def test_size(self) -> int:
        """Pixels, at evaluation."""
        return self.recipe.test_size or self.image_size

    @property
    def crop_share(self) -> float:
        """Of the shorter side, at evaluation; all of it unless training looks at parts, enlarged."""
        return self.recipe.crop_share if self._resized else 1.0

    @property
    def decoded_once(self) -> bool:
        """Whether all pixels lie in one file."""
        size = 3 * self.image_size**2 * self.splits.height
        return not self._resized and self.test_size == self.image_size and size <= _DECODED_ONCE

    @property
    def learned(self) -> tuple[str, ...]:
        """The splits that are trained on: where nothing is evaluated before the end, nothing is held back for it."""
        return ("train",) if self.recipe.evaluations else ("train", "select")

    def labels(self, *splits: str) -> Int[np.ndarray, " n"]:
        """Labels of the images of some splits, in their order."""
        return self._all_labels[self._rows(*splits)]

    def decode(self, observer: Observer) -> None:
        """Write the file of pixels, where there is to be one and it is not there yet."""
        path = self.run.pixels(self.image_size)
        if self.decoded_once and not path.exists():
            observer.stage("Decoding")
            progress = lambda done, total: observer.progress(done, total, "images")  # noqa: E731
            write_pixels(self.data, self.splits["id"].to_list(), self.image_size, path, progress=progress)

    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation of each channel, of the training images or of some of them."""
        rows = self._rows(*self.learned)
        if self.decoded_once:
            return channel_statistics(self._pixels, rows)
        some = rows[np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(int)]
        read = (self.data.read(id, at_least=_SAMPLE_SIDE) for id in self._ids[some].tolist())
        squares = np.stack([prepare(image, _SAMPLE_SIDE) for image in read])
        return channel_statistics(squares, np.arange(len(squares)))

    def training(self, seed: int) -> BatchSource:
        """The training images, in the recipe's batches."""
        rows = self._rows(*self.learned)
        balanced = self.recipe.class_balance is ClassBalance.SAMPLING
        order = Order(
            rows if self.decoded_once else self._ids[rows],
            batch_size=self.recipe.batch_size,
            seed=seed,
            repeats=self.recipe.repeats,
            weights=sampling_weights(self._all_labels[rows]) if balanced else None,
        )
        if self.decoded_once:
            return Batches(self._pixels, self._all_labels, order)
        crop = ResizedCrop(area=(self.recipe.crop_area, 1.0)) if self._resized else CenterCrop(crop_share=1.0)
        return Loader(data=self.data, order=order, size=self.image_size, crop=crop)

    def evaluation(self, split: str) -> BatchSource:
        """The images of a split, in its order, as they are predicted."""
        rows = self._rows(split)
        order = Order(rows if self.decoded_once else self._ids[rows], batch_size=EVALUATION_BATCH, seed=None)
        if self.decoded_once:
            return Batches(self._pixels, self._all_labels, order)
        return Squares(data=self.data, order=order, size=self.test_size, crop_share=self.crop_share)

    @property
    def _resized(self) -> bool:
        return self.recipe.augmentation.endswith("resized-crop")

    def _rows(self, *splits: str) -> Int[np.ndarray, " n"]:
        return np.flatnonzero(self.splits["split"].is_in(splits).to_numpy())

    @cached_property
    def _all_labels(self) -> Int[np.ndarray, " n"]:
        return self.splits["label"].to_numpy()

    @cached_property
    def _ids(self) -> Int[np.ndarray, " n"]:
        return self.splits["id"].to_numpy()

    @cached_property
    def _pixels(self) -> UInt8[np.ndarray, "n c size size"]:
        return read_pixels(self.run.pixels(self.image_size))


def split_images(data: ImageData, run: RunDirectory, seed: int, observer: Observer) -> None:
    """Look at every image, and write down who trains, who selects and who tests, unless that is done."""
    if run.splits.exists():
        return
    observer.stage("Audit")
    health = audit(data, progress=lambda done, total: observer.progress(done, total, "images"))
    for finding in health.findings():
        observer.note(f"{finding.severity}: {finding.text}")
    write_splits(make_splits(data, health, seed=seed), run.splits)


def read_images(data: ImageData, run: RunDirectory, recipe: Recipe, image_size: int) -> TrainImages:
    """The images as `split_images` split them."""
    return TrainImages(data=data, splits=read_splits(run.splits), recipe=recipe, image_size=image_size, run=run)
