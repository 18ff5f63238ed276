"""The images of a run with their masks, from which networks learn one class for every pixel."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Int32
from torch import nn

from anmok.backbone import Scaling, Task
from anmok.catalogue import split_tag
from anmok.catalogue.scaling import UNSCALED
from anmok.data import BatchSource, Split, nested_fraction, read_splits
from anmok.data.masks import load_masks
from anmok.errors import ImageSizeError
from anmok.evaluation.measurements import PixelOutcome
from anmok.evaluation.segmentation import PixelCounts, stack
from anmok.selection.material import Material
from anmok.selection.run_directory import RunDirectory
from anmok.tasks.image_segmenter import ImageSegmenter, build_segmenter
from anmok.tasks.section import write_sections
from anmok.tasks.segmentation import Segmentation
from anmok.tasks.task import Tested
from anmok.tasks.trained import TaskNetwork
from anmok.training.recipe import Recipe
from anmok.training.task import TrainingTask


@dataclass(frozen=True, kw_only=True)
class SegmentMaterial:
    """What `Material` is for labels, for masks; rows are ids of the images."""

    problem: Segmentation
    side: int  # pixels: of the squares that are learned from, and the most of an image's shorter side
    skips: bool = True  # whether the fine maps of the encoder are merged on the way up

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of pixels."""
        return self.problem.data.classes

    @property
    def task(self) -> TrainingTask:
        """What networks learn."""
        return self.problem.training_task

    def rows(self, *splits: Split) -> Int32[np.ndarray, " m"]:
        """Ids of the images of any of the splits."""
        return self.problem.ids(*splits).astype(np.int32)

    def fraction(self, fraction: float, seed: int) -> Int32[np.ndarray, " m"]:
        """Ids of a part of the train split; smaller parts lie inside larger ones."""
        train = self.rows("train")
        return nested_fraction(train, np.zeros_like(train), fraction, seed).astype(np.int32)

    def training(self, rows: Int32[np.ndarray, " m"], recipe: Recipe, seed: int) -> BatchSource:
        """Augmented squares of these images."""
        return self.problem.source(rows, recipe.changed({"image_size": self.side}), seed)

    def evaluation(self, rows: Int32[np.ndarray, " m"]) -> BatchSource:
        """These images, whole and in their order."""
        return self.problem.source(rows, Recipe(), None)

    def fresh(self, model: str, scaling: Scaling = UNSCALED) -> ImageSegmenter:
        """A network for these images with random weights; raises `ImageSizeError` where its squares are too small."""
        config = self.problem.config() | {"skips": self.skips}
        network = build_segmenter(split_tag(model)[0], config, Recipe(), False)  # noqa: FBT003 - no weights
        least = 4 * network.margin
        if self.side < least:
            raise ImageSizeError(
                f"A network without padding learns from squares of {least} pixels or more: got {self.side}. "
                f"The nearest size that works is {network.spec.image_sizes.above(least)}."
            )
        if network.margin:
            network.spec.check_size(self.side, self.side)
        return network

    def network(self, model: str, scaling: Scaling = UNSCALED) -> ImageSegmenter:
        """A network as its training starts: from scratch."""
        return self.fresh(model, scaling)

    def begin(
        self, model: str, rows: Int32[np.ndarray, " m"], device: torch.device, scaling: Scaling = UNSCALED
    ) -> ImageSegmenter:
        """The same for a training on these rows."""
        return self.fresh(model, scaling)

    def judge(self, network: nn.Module, model: str, split: Split, device: torch.device) -> PixelOutcome:
        """What a trained network answers for a split, ready for the table."""
        rows = self.rows(split)
        return _outcome(model, split, rows, self.problem.pixel_counts(network.to(device).eval(), rows))

    def test(self, network: nn.Module, model: str, device: torch.device) -> tuple[PixelOutcome, Tested]:
        """The same of the test split, and all that is to be said of it."""
        rows = self.rows("test")
        counts = self.problem.counts(network.to(device).eval(), rows)
        outcome = _outcome(model, "test", rows, stack([each.pixels for each in counts]))
        return outcome, self.problem.tested(network, counts)

    def save(self, network: nn.Module, model: str, directory: Path, facts: dict[str, object], tested: Tested) -> None:
        """Write a trained network to where `anmok.load` finds it, with what the report shows of it."""
        directory.mkdir(parents=True, exist_ok=True)
        write_sections(tested.sections, directory)
        kept = {"test": {row.metric: row.value for row in tested.rows}}
        trained = TaskNetwork(
            task=Task.SEGMENTATION, model=model, config=self.problem.config(), network=network, facts=facts | kept
        )
        trained.save(directory)


def _outcome(model: str, split: Split, rows: Int32[np.ndarray, " m"], counts: PixelCounts) -> PixelOutcome:
    return PixelOutcome(
        subject=model, split=split, conditions={}, ids=rows, shared=counts.shared.astype(np.int32),
        answered=counts.predicted.astype(np.int32), true=counts.true.astype(np.int32),
    )  # fmt: skip


AnyMaterial: TypeAlias = Material | SegmentMaterial


def open_segment_material(run: RunDirectory, image_size: int, data: Path) -> SegmentMaterial:
    """List images and masks that were audited and split when the run began."""
    problem = Segmentation(load_masks(data), read_splits(run.splits), (), shorter=image_size)
    return SegmentMaterial(problem=problem, side=image_size)
