"""Where the weights of a training lie: all of them in every process, or a part in each."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from anmok.data import WHOLE
from anmok.errors import RequestError
from anmok.training.distributed import anyone, is_first, this_part
from anmok.training.ema import averaged
from anmok.training.job import Fit
from anmok.training.recipe import Recipe
from anmok.training.sharded import share_out, whole


class Engine(ABC):
    """The networks of a training; its loop need not know where their weights lie."""

    network: nn.Module  # that learns; gradients and the optimiser's state lie as its parameters do
    mean: AveragedModel | None  # of its weights

    @property
    def judged(self) -> nn.Module:
        """What lies as the network does, and has the weights that are evaluated."""
        return self.mean.get_submodule("module") if self.mean else self.network

    @abstractmethod
    def evaluable(self) -> AbstractContextManager[nn.Module]:
        """A whole network with the weights that are judged."""

    @abstractmethod
    def leave(self, weights: Mapping[str, Tensor]) -> None:
        """Give the network of the job its final weights."""

    @abstractmethod
    def all_save(self, *, due: bool) -> bool:
        """Whether this process takes part in a checkpoint, when the first one finds it due."""


def choose_engine(job: Fit) -> Engine:
    """The engine that a job asks for; raises `RequestError` where there is nobody to share the weights with."""
    if not job.shard:
        return _Replicas(job)
    check_shard(job.recipe)
    return _Shards(job)


def check_shard(recipe: Recipe) -> None:
    """Raise `RequestError` where this process is alone, or the recipe wants what goes with whole weights only."""
    if this_part() == WHOLE:
        raise RequestError(
            "To shard is to share the weights among processes: this one is alone. "
            "Start several with torchrun, or leave shard out."
        )
    if recipe.compile:
        raise RequestError(
            "A network whose weights are shared out is not compiled: got compile=true. "
            "Set it to false, or leave shard out."
        )


class _Replicas(Engine):
    """Every process has all weights; one that is alone is no different."""

    def __init__(self, job: Fit) -> None:
        self.network: nn.Module = job.network.to(job.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = averaged(self.network, job.recipe.ema_decay) if job.recipe.ema_decay else None

    def evaluable(self) -> AbstractContextManager[nn.Module]:
        return nullcontext(self.judged)

    def leave(self, weights: Mapping[str, Tensor]) -> None:
        self.network.load_state_dict(weights)

    def all_save(self, *, due: bool) -> bool:
        return due and is_first()


class _Shards(Engine):
    """A copy of the network learns, shared out; the job's own is filled where a whole one is needed."""

    def __init__(self, job: Fit) -> None:
        self._device, self._whole = job.device, job.network
        # FSDP wants parameters in the order of their axes; images may still have their channels last.
        self.network: nn.Module = deepcopy(job.network).to(job.device, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.mean = averaged(self.network, job.recipe.ema_decay) if job.recipe.ema_decay else None
        share_out(self.network, job.device)
        if self.mean:
            share_out(self.judged, job.device)

    @contextmanager
    def evaluable(self) -> Iterator[nn.Module]:
        self.leave(self.judged.state_dict())
        try:
            yield self._whole
        finally:
            self._whole.cpu()  # its memory is the training's

    def leave(self, weights: Mapping[str, Tensor]) -> None:
        places = self._whole.to(self._device).state_dict()
        for name, value in weights.items():  # one after another: together they need not fit beside the training
            places[name].copy_(whole(value))

    def all_save(self, *, due: bool) -> bool:
        return anyone(due and is_first())
