"""An arm that measures without training."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from anmok.claims.claim import Record, Situation
from anmok.claims.material import Sample
from anmok.errors import RequestError


@dataclass(frozen=True)
class Measurement:
    """A function of the situation."""

    measure: Callable[[Situation], Record]
    teacher: str = ""

    def run(self, situation: Situation, keep: Path | None) -> Record:
        """Its quantities; torch's random numbers start from the replicate, where that is a seed."""
        with torch.random.fork_rng([]):
            if situation.replicate.isdecimal():
                torch.manual_seed(situation.seed)
            return self.measure(situation)


def some_images(situation: Situation, side: int, count: int) -> Sample:
    """A few of the images, others for each seed."""
    if situation.material is None:
        raise RequestError("This measurement takes images: got none. Name data.")
    return situation.material.some(side, count, situation.seed)
