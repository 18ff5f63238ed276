"""One step of the optimiser after another."""

from math import ceil
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from anmok.backbone.evaluating import evaluating
from anmok.data import WHOLE
from anmok.errors import RequestError, TrainingError
from anmok.training.device import autocast, resolve
from anmok.training.distributed import agree_on_buffers, anyone, in_parallel, summed, this_part, without_exchange
from anmok.training.heads import AllHeads
from anmok.training.job import Fit
from anmok.training.sharded import is_sharded
from anmok.training.task import Examples, Moment

_FIRST = 2  # steps that need the most memory: those without and with the optimiser's state


class Stepper:
    """Examples, loss, gradients, step; splits a batch that does not fit in memory."""

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer, job: Fit, micro_batch: int) -> None:
        self.micro_batch = micro_batch
        self._network, self._optimizer, self._job = network, optimizer, job
        self._part = this_part()
        self._precision = resolve(job.recipe.precision, job.device)
        heads = AllHeads(network)
        if job.recipe.compile:
            heads.compile()
        if job.recipe.grad_checkpointing:
            _checkpoint_gradients(network)
        self._engine = in_parallel(heads, job.device)
        alone = self._part == WHOLE
        self._share = 0 if alone else _largest_share(job.recipe.batch_size, self._part.world_size)
        self._caution = 0 if alone or is_sharded(network) else _FIRST
        self._careful = self._caution  # steps to come of which the processes agree whether memory was enough
        self._note = ""

    def take_note(self) -> str:
        """The message to show, once."""
        note, self._note = self._note, ""
        return note

    def step(self, batch: Any, moment: Moment) -> tuple[Tensor, Tensor | int]:
        """Learn from a batch; its loss and what that is a mean over, summed over all processes."""
        examples = self._job.task.examples(batch, moment, self._job)
        weight = examples.weight
        count = weight if self._part == WHOLE else summed(torch.tensor(weight, device=self._job.device))
        while (total := self._try(examples, count, moment)) is None:
            self._halve()
        self._careful = max(0, self._careful - 1)
        if moment == (0, 0):
            agree_on_buffers(self._network)  # one process's filters, where these follow from the first images
        return summed(total), count

    def _try(self, examples: Examples, count: Tensor | int, moment: Moment) -> Tensor | None:
        """A step along the gradients of the loss over all `count`; the local sum of losses.

        None where memory is too short for it. Where it may be so in one process of several, gradients are exchanged
        when all have theirs; otherwise while they come, and who fails then cannot be helped by the others.
        """
        shortage, careful = _Shortage(), self._careful > 0
        with shortage:
            # Anew at each try, so that dropout does not depend on what memory there is.
            _seed(self._job.device, (self._job.seed, *moment, self._part.rank))
            total = self._gradients(examples, count, exchange=not careful)
            if not careful:
                self._update()
        if careful:
            if anyone(shortage.happened):
                return None
            with shortage:
                self._nothing(examples).backward()  # adds zeros, and exchanges
                self._update()
        if shortage.happened and self._part != WHOLE:
            raise TrainingError(
                f"Process {self._part.rank + 1} of {self._part.world_size} ran out of memory. "
                "Choose a smaller batch_size, or more processes."
            )
        return None if shortage.happened else total

    def _gradients(self, examples: Examples, count: Tensor | int, *, exchange: bool) -> Tensor:
        """Gradients in micro batches, as many in each process; exchanged with the last of them, or not."""
        self._optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self._job.device)
        size, rounds = self.micro_batch, max(1, ceil(max(len(examples), self._share) / self.micro_batch))
        for index in range(rounds):
            chosen = slice(index * size, (index + 1) * size)
            with without_exchange(self._engine, local=index < rounds - 1 or not exchange):
                with autocast(self._precision, self._job.device):
                    loss = self._loss(examples.part(chosen))
                # Processes average their gradients: what each gives is its share, times their number.
                (loss * self._part.world_size / count).backward()
            total += loss.detach()
        return total

    def _update(self) -> None:
        if self._job.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._job.recipe.clip_norm)
        self._optimizer.step()

    def _loss(self, examples: Examples) -> Tensor:
        if len(examples) == 0:  # nothing of a last batch is ours, but the others wait for our gradients: zeros
            return self._nothing(examples)
        return self._job.task.loss(self._engine, examples, self._job)

    def _nothing(self, examples: Examples) -> Tensor:
        with evaluating(self._network):  # no statistics are taken of an example that is none
            return 0 * self._job.task.loss(self._engine, examples.blank(), self._job)

    def _halve(self) -> None:
        size = min(self.micro_batch, self._share or self.micro_batch)
        if size == 1:
            raise TrainingError("Not even one image fits in memory. Choose a smaller model or a smaller image size.")
        self.micro_batch, self._careful = size // 2, self._caution
        self._note = f"out of memory: the batch is now worked off in parts of {self.micro_batch} images"


class _Shortage:
    """A context that ends where memory runs out, and remembers that it did."""

    happened = False

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        self.happened = error is not None and is_out_of_memory(error)
        return self.happened


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on whichever device."""
    known = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in known)


def _largest_share(batch_size: int, world_size: int) -> int:
    """Images of a batch that one of the processes has at most: they are dealt out in pairs."""
    return 2 * ceil(ceil(batch_size / 2) / world_size)


def _seed(device: torch.device, entropy: tuple[int, ...]) -> None:
    """Seed the generators that dropout draws from; `torch.manual_seed`, which knows more kinds, takes 0.1 ms."""
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def _checkpoint_gradients(network: nn.Module) -> None:
    backbone = getattr(network, "backbone", network)
    switch = getattr(backbone, "set_grad_checkpointing", None)
    if switch is None:
        raise RequestError("grad_checkpointing needs a network of the zoo: this one has no stages. Leave it out.")
    switch()
