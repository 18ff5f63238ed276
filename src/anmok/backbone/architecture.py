"""What a zoo file exports."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from anmok.backbone.backbone import Backbone
from anmok.backbone.segmenter import Segmenter
from anmok.backbone.spec import Kind, Spec


class Task(StrEnum):
    """What a network's answer is about."""

    CLASSIFICATION = "classification"  # the image
    SEGMENTATION = "segmentation"  # every pixel


@dataclass(frozen=True, kw_only=True)
class Paper:
    """Where an architecture was published."""

    title: str
    authors: str
    year: int
    arxiv: str | None = None

    def __str__(self) -> str:
        where = f", arXiv:{self.arxiv}" if self.arxiv else ""
        return f'{self.authors} {self.year}, "{self.title}"{where}'


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One paper's family of networks."""

    model: type[Backbone] | type[Segmenter]
    kind: Kind
    paper: Paper
    bias: str  # the inductive bias, in plain words
    presets: Mapping[str, Spec]  # the paper's variants
    ours: Mapping[str, Spec]  # variants that no paper has

    @property
    def task(self) -> Task:
        """What its networks are trained for."""
        return Task.CLASSIFICATION if issubclass(self.model, Backbone) else Task.SEGMENTATION
