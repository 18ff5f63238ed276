"""The contract: a task is how to read a user's data, how to batch and score it, and how to answer.

A file of this package exports `TASK`, and `anmok train`, `evaluate`, `predict` and `report` do the rest.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from jaxtyping import Int
from torch import nn

from anmok import backbone
from anmok.data import BatchSource, Finding, Split
from anmok.evaluation.measurements import Measurement
from anmok.tasks.section import Section
from anmok.training.recipe import Recipe
from anmok.training.task import TrainingTask


class Tested(NamedTuple):
    """How a network does on a split: rows whose `subject` is left empty, the main one first, and what to show."""

    rows: Sequence[Measurement]
    sections: Sequence[Section] = ()


class Problem(ABC):
    """A task on one user's data: audited, split, and ready to be trained and tested on.

    `splits` has a row for each example, in their order, with columns `id` and `split` (train, select, test or null)
    and whatever tells the example; it is written to the run directory, and must be the same at a restart.
    """

    name: str  # of the data
    splits: pl.DataFrame
    training_task: TrainingTask

    def rows(self, *splits: Split) -> Int[np.ndarray, " n"]:
        """Which rows of `splits` belong to any of some splits."""
        return np.flatnonzero(self.splits["split"].is_in(splits).fill_null(value=False).to_numpy())

    @abstractmethod
    def findings(self) -> Sequence[Finding]:
        """What was found out about the data, one sentence each, the most harmful first."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What is needed beside weights and the model's name to build the network and answer: JSON values only.

        Vocabularies, class names, normalisation, image size.
        """

    @abstractmethod
    def batches(self, *splits: Split, recipe: Recipe, seed: int | None) -> BatchSource:
        """Batches of some splits: with a seed those of a training, in an order of their own each epoch; else in order.

        Training batches are a pure function of (seed, epoch, step), so that a training resumes at any step.
        """

    @abstractmethod
    def test(self, network: nn.Module, split: Split | None, device: torch.device) -> Tested:
        """How the network does on a split, or on all; rows with intervals where there is a way to them."""


class Answer(NamedTuple):
    """What was asked, what the network says, and how sure it is, where it can tell."""

    asked: str
    answer: str  # a class, a text, the path of a file that was written
    probability: float | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task, by what it can do.

    `open` takes a path and a seed for splits that the data does not bring, and raises `DataError`; `reopen` takes a
    config as well, so that a trained network is tested on further data in its own vocabulary and classes.
    `build` takes a preset's name, the config, the recipe (`drop_rate`, ...) and where pretrained weights come from
    (False: from nowhere; True: the public ones; a path), and gives a network in training mode, with its own
    normalisation as persistent buffers where that depends on the weights.
    `answer` takes a network in eval mode, its config, what the user asks (texts or files) and a folder for files.
    """

    task: backbone.Task
    recipe: str  # that is used where none is named
    open: Callable[[Path, int], Problem]
    reopen: Callable[[Path, Mapping[str, Any]], Problem]
    build: Callable[[str, Mapping[str, Any], Recipe, bool | str | Path], nn.Module]
    answer: Callable[[nn.Module, Mapping[str, Any], Sequence[str], Path], Iterator[Answer]]
