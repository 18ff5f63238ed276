"""What a network is trained to do, as the loop sees it: it need not know which task it runs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from anmok.data import BatchSource

if TYPE_CHECKING:
    from anmok.training.job import Fit


class Moment(NamedTuple):
    """Which step of the training it is; all that is random about it depends on this and the seed."""

    epoch: int
    step: int  # of the epoch


@runtime_checkable
class Examples(Protocol):
    """A batch as the network sees it, on its device."""

    def __len__(self) -> int:
        """Count the examples that a batch can be taken apart into, where memory is short."""

    @property
    def weight(self) -> int:
        """What the loss is a mean over: how many images, tokens, pixels or nodes."""

    def part(self, chosen: slice) -> "Examples":
        """Some of them."""

    def blank(self) -> "Examples":
        """One example that says nothing, for a process that has none and must take part."""


@runtime_checkable
class TrainingTask(Protocol):
    """How a batch is seen, what is lost, and how good the network is."""

    @property
    def unit(self) -> str:
        """What the loss is a mean over, in the plural."""

    @property
    def measure(self) -> str:
        """What `score` says, with a place for it: "{:.1%} of the select images right"."""

    def check(self, job: "Fit") -> None:
        """Raise `RequestError` where the recipe and the task contradict each other."""

    def examples(self, batch: Any, moment: Moment, job: "Fit") -> Examples:
        """A batch of the source, on the job's device and varied as its recipe varies it."""

    def loss(self, network: Callable[..., list[Tensor]], examples: Any, job: "Fit") -> Tensor:
        """The sum over all that `Examples.weight` counts; `network` takes what `forward` takes, and gives all heads."""

    def score(self, network: nn.Module, source: BatchSource, device: torch.device) -> float:
        """How good the network is on a split, the higher the better: the weights of the best evaluation are kept."""
