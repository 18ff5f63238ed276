"""Jobs for the tests of crews; workers import them by name."""

import os
import time
from pathlib import Path
from typing import NamedTuple

import torch

from anmok.selection.executor import Tools
from anmok.selection.race import train_and_judge
from anmok.selection.trial import Trial, TrialRecord
from anmok.training import loop
from anmok.training.loop import EpochProgress
from anmok.training.recipe import Recipe

FIXED = [
    Trial(model=model, fraction=fraction, recipe=Recipe(epochs=3), seed=seed)
    for model, fraction, seed in (
        ("mlp_nano", 0.5, 0),
        ("resnet_nano", 0.5, 0),
        ("mlp_nano", 1.0, 0),
        ("resnet_nano", 1.0, 0),
        ("mlp_nano", 1.0, 1),
    )
]
VICTIM = FIXED[1]


class Chore(NamedTuple):
    """Something quick to do, when another one has begun."""

    name: str
    after: str = ""


def do(tools: Tools, chore: Chore) -> tuple[str, int, int]:
    """The chore's name, the process that did it and its threads."""
    _mark(tools, chore.name)
    for epoch in (1, 2):
        tools.watch(EpochProgress(epoch=epoch, epochs=2, rate=1.0, loss=1.0))
    while chore.after and not mark(tools.run.root, chore.after).exists():
        time.sleep(0.01)
    return chore.name, os.getpid(), torch.get_num_threads()


def fail(tools: Tools, chore: Chore) -> None:
    """An error of the job itself."""
    raise ValueError(f"{chore.name} cannot be done")


def train(tools: Tools, trial: Trial) -> TrialRecord:
    """A trial; the victim saves after every step, and its first process waits after two epochs to be killed."""
    first = trial == VICTIM and not mark(tools.run.root, "victim").exists()
    if trial == VICTIM:
        _mark(tools, "victim")

    def watch(progress: EpochProgress) -> None:
        tools.watch(progress)
        if first and progress.epoch == 2:
            time.sleep(60)

    before = loop.CHECKPOINT_SECONDS, loop.CHECKPOINT_SHARE
    loop.CHECKPOINT_SECONDS, loop.CHECKPOINT_SHARE = (0.0, float("inf")) if trial == VICTIM else before
    try:
        return train_and_judge(tools._replace(watch=watch), trial)
    finally:
        loop.CHECKPOINT_SECONDS, loop.CHECKPOINT_SHARE = before


def mark(root: Path, name: str) -> Path:
    """Where a job leaves the number of its process."""
    return root / f"{name}.pid"


def _mark(tools: Tools, name: str) -> None:
    whole = tools.run.root / f"{name}.part"
    whole.write_text(str(os.getpid()))
    whole.replace(mark(tools.run.root, name))
