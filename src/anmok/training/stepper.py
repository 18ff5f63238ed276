"""One step of the optimiser after another."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from anmok.data import WHOLE, Batch, mix, one_hot, vary
from anmok.errors import RequestError, TrainingError
from anmok.evaluation.evaluating import evaluating
from anmok.shapes import Images, Logits
from anmok.training.device import autocast, resolve
from anmok.training.distributed import in_parallel, summed, this_part, without_exchange
from anmok.training.heads import AllHeads
from anmok.training.job import Fit
from anmok.training.losses import Losses
from anmok.training.recipe import Distillation


class Moment(NamedTuple):
    """Which step of the training it is; all that is random about it depends on this and the seed."""

    epoch: int
    step: int  # of the epoch


class Stepper:
    """Views, mixing, losses, gradients, step; splits a batch that does not fit in memory."""

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer, job: Fit, micro_batch: int) -> None:
        self.micro_batch = micro_batch
        self._network, self._optimizer, self._job = network, optimizer, job
        self._part = this_part()
        self._precision = resolve(job.recipe.precision, job.device)
        weights = None if job.class_weights is None else job.class_weights.to(job.device)
        self._losses = Losses(job.recipe, distilled=getattr(network, "distilled", False), class_weights=weights)
        self._teacher = _teacher_of(job)
        self._mixes = bool(job.recipe.mixup or job.recipe.cutmix)
        if self._mixes and job.num_classes is None:
            raise RequestError("A recipe that mixes images needs the number of classes: got num_classes=None.")
        heads = AllHeads(network)
        if job.recipe.compile:
            heads.compile()
        if job.recipe.grad_checkpointing:
            _checkpoint_gradients(network)
        self._engine = in_parallel(heads, job.device)
        self._note = ""

    def take_note(self) -> str:
        """The message to show, once."""
        note, self._note = self._note, ""
        return note

    def step(self, batch: Batch, moment: Moment) -> tuple[Tensor, Tensor | int]:
        """Learn from a batch; its loss and its number of images, summed over all processes."""
        recipe, device = self._job.recipe, self._job.device
        views = vary(batch.pixels.to(device, non_blocking=True), recipe.variation, batch.draws)
        targets = batch.labels.to(device, non_blocking=True)
        if self._mixes:
            random = np.random.default_rng((self._job.seed, *moment))
            soft = one_hot(targets, self._job.num_classes or 0)
            views, targets = mix(views, soft, recipe.mixing, random)
        count = len(targets) if self._part == WHOLE else summed(torch.tensor(len(targets), device=device))
        views = views.contiguous(memory_format=torch.channels_last)
        while True:
            try:
                # Anew at each try, so that dropout does not depend on what memory there is.
                _seed(device, (self._job.seed, *moment, self._part.rank))
                return summed(self._learn(views, targets, count)), count
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve()

    def _learn(self, images: Images, targets: Tensor, count: Tensor | int) -> Tensor:
        """Gradients of the mean over all `count` images, in micro batches; then a step. The local sum of losses."""
        self._optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=images.device)
        parts = list(zip(images.split(self.micro_batch), targets.split(self.micro_batch), strict=True))
        for index, (part, wanted) in enumerate(parts):
            with without_exchange(self._engine, local=index < len(parts) - 1):
                with autocast(self._precision, self._job.device):
                    loss = self._loss(part, wanted)
                # Processes average their gradients: what each gives is its share, times their number.
                (loss * self._part.world_size / count).backward()
            total += loss.detach()
        if self._job.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._job.recipe.clip_norm)
        self._optimizer.step()
        return total

    def _loss(self, images: Images, targets: Tensor) -> Tensor:
        if len(images) == 0:  # nothing of a last batch is ours, but the others wait for our gradients: zeros
            return self._nothing(images)
        answers = [logits.float() for logits in self._engine(images)]
        return self._losses(answers, targets, self._ask_teacher(images))

    def _nothing(self, images: Images) -> Tensor:
        blank = images.new_zeros(1, *images.shape[1:]).contiguous(memory_format=torch.channels_last)
        with evaluating(self._network):  # no statistics are taken of an image that is none
            return 0 * torch.stack([logits.float().sum() for logits in self._engine(blank)]).sum()

    @torch.no_grad()
    def _ask_teacher(self, images: Images) -> Logits | None:
        """What the teacher says of the very images that the student sees (Touvron et al. 2020, sec. 5.1)."""
        return None if self._teacher is None else self._teacher(images).float()

    def _halve(self) -> None:
        if self._part != WHOLE:
            raise TrainingError(
                f"Process {self._part.rank + 1} of {self._part.world_size} ran out of memory. "
                "Choose a smaller batch_size, or more processes."
            )
        if self.micro_batch == 1:
            raise TrainingError("Not even one image fits in memory. Choose a smaller model or a smaller image size.")
        self.micro_batch //= 2
        self._note = f"out of memory: the batch is now worked off in parts of {self.micro_batch} images"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on whichever device."""
    known = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in known)


def _seed(device: torch.device, entropy: tuple[int, ...]) -> None:
    """Seed the generators that dropout draws from; `torch.manual_seed`, which knows more kinds, takes 0.1 ms."""
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def _teacher_of(job: Fit) -> nn.Module | None:
    if (job.recipe.distillation is not Distillation.NONE) != (job.teacher is not None):
        raise RequestError(
            f"A teacher belongs to a recipe that distils: got distillation '{job.recipe.distillation}' and "
            f"{'no' if job.teacher is None else 'a'} teacher. Give both or neither."
        )
    if job.teacher is None:
        return None
    return job.teacher.to(job.device).eval().requires_grad_(requires_grad=False)


def _checkpoint_gradients(network: nn.Module) -> None:
    backbone = getattr(network, "backbone", network)
    switch = getattr(backbone, "set_grad_checkpointing", None)
    if switch is None:
        raise RequestError("grad_checkpointing needs a network of the zoo: this one has no stages. Leave it out.")
    switch()
