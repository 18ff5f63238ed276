"""Networks of equal size, and their short training on samples in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from anmok.biases.entities import Component, Entities
from anmok.biases.tasks import NO_LABEL
from anmok.evaluation.cost import count_params

PARAMS = 20_000  # that every component is made with, as nearly as its width allows
_WIDEST = 4096
_RATE, _DECAY, _CLIP = 3e-3, 1e-2, 1.0


@lru_cache
def fit_width(component: Component, entities: Entities, params: int = PARAMS) -> int:
    """The even width that gives the nearest number of parameters; 0 where there is none to choose."""
    if not component.has_width:
        return 0
    low, high = 1, _WIDEST // 2
    with torch.device("meta"):

        def size(half: int) -> int:
            return count_params(component.make(entities, 2 * half))

        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if size(middle) >= params else (middle + 1, high)
        return 2 * min((max(low - 1, 1), low), key=lambda half: abs(size(half) - params))


def build(component: Component, entities: Entities, width: int, seed: int) -> nn.Module:
    """A network with weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return component.make(entities, width)


Answers: TypeAlias = Callable[[Tensor], Tensor]  # sample numbers -> logits, the classes last


def fit(
    network: nn.Module, answer: Answers, labels: Int[Tensor, "b ..."], *, steps: int, batch: int, seed: int
) -> None:
    """Train with AdamW on a one-cycle schedule, gradients clipped to norm 1; batches are drawn with replacement."""
    generator = Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    network.train()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)  # for dropout
        for _ in range(steps):
            picked = torch.randint(len(labels), (batch,), generator=generator)
            loss = cross_entropy(answer(picked).flatten(0, -2), labels[picked].flatten(), ignore_index=NO_LABEL)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
            optimizer.step()
            schedule.step()
    network.eval()


@torch.no_grad()
def score(answer: Answers, labels: Int[Tensor, "b ..."]) -> Float[Tensor, "b 2"]:
    """How many answers of each sample are right, and how many were asked."""
    parts = torch.arange(len(labels)).split(250)
    predicted = torch.cat([answer(part).argmax(-1) for part in parts])
    asked = labels != NO_LABEL
    right = (predicted == labels) & asked
    return torch.stack([x.reshape(len(labels), -1).sum(1) for x in (right, asked)], dim=1).double()


@contextmanager
def one_thread() -> Iterator[None]:
    """As many as such small networks can use; and the sums are then the same everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
