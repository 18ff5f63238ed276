"""What a zoo file exports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from anmok.backbone.backbone import Backbone
from anmok.backbone.graphs import GraphClassifier
from anmok.backbone.segmenter import Segmenter
from anmok.backbone.sequence import TextClassifier, Translator
from anmok.backbone.spec import Kind
from anmok.backbone.task import Task

S = TypeVar("S", covariant=True)

_TASKS: Mapping[type, tuple[Task, ...]] = {
    Backbone: (Task.CLASSIFICATION, Task.SEGMENTATION),  # it leads down a U-Net
    Segmenter: (Task.SEGMENTATION,),
    TextClassifier: (Task.TEXT_CLASSIFICATION,),
    Translator: (Task.TRANSLATION,),
    GraphClassifier: (Task.NODE_CLASSIFICATION, Task.GRAPH_CLASSIFICATION),
}


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
class Architecture(Generic[S]):
    """One paper's family of networks, with specs of one type."""

    model: Any  # a subclass of what `tasks` go by, built from a spec
    kind: Kind
    paper: Paper
    bias: str  # the inductive bias, in plain words
    presets: Mapping[str, S]  # the paper's variants
    ours: Mapping[str, S]  # variants that no paper has

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What its networks can be trained for, the usual first."""
        return next(tasks for base, tasks in _TASKS.items() if issubclass(self.model, base))
