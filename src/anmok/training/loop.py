"""The training loop: one for every model, device and stage."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from anmok.data import BatchSource, Variation, vary
from anmok.errors import TrainingError
from anmok.shapes import Images, Labels
from anmok.training.checkpoint import read_checkpoint, write_checkpoint
from anmok.training.device import autocast, resolve
from anmok.training.inference import share_correct
from anmok.training.optimizer import build_optimizer, set_learning_rate
from anmok.training.recipe import Precision, Recipe

CHECKPOINT_SECONDS = 5.0  # at most this much training, and the epoch in progress, is lost when the process dies


@dataclass(frozen=True, kw_only=True)
class EpochProgress:
    """How far a training is, for whoever shows it."""

    epoch: int  # finished epochs
    epochs: int
    images_per_second: float
    loss: float
    note: str = ""  # something the user should know, such as a halved batch


@dataclass(kw_only=True)
class FitResult:
    """What a training did; the network itself holds the weights of the best evaluation."""

    epochs: int = 0  # finished
    seconds: float = 0.0  # over all restarts
    images: int = 0
    best_accuracy: float = -1.0  # on the select split; -1 without one
    best_epoch: int = 0
    stale: int = 0  # evaluations since the best one
    micro_batch: int = 0  # images per forward pass; smaller than the batch where memory ran out
    losses: list[float] = field(default_factory=list)  # mean training loss of each epoch
    accuracies: dict[int, float] = field(default_factory=dict)  # select accuracy after an epoch


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One training: what to train, on what, how, where."""

    network: nn.Module
    train: BatchSource
    recipe: Recipe
    device: torch.device
    seed: int
    select: BatchSource | None = None  # watched for the best weights and the early stop
    checkpoint: Path | None = None
    on_epoch: Callable[[EpochProgress], None] | None = None


def fit(job: Fit) -> FitResult:
    """Train, resuming from the checkpoint where there is one.

    Bit-repeatable on one machine with one number of threads: order, augmentation and dropout of an epoch
    depend on (seed, epoch) alone. Raises `TrainingError` when the loss is no longer a number, or when not
    even one image fits in memory.
    """
    network = job.network.to(job.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = build_optimizer(network, job.recipe)
    result = FitResult(micro_batch=job.recipe.batch_size)
    best = _copy(network) if job.select else {}
    if job.checkpoint and job.checkpoint.exists():
        best, stored = read_checkpoint(job.checkpoint, network, optimizer)
        stored["accuracies"] = {int(k): v for k, v in stored["accuracies"].items()}
        result = FitResult(**stored)

    stepper = _Stepper(network, optimizer, job, result)
    saved = time.monotonic()
    while result.epochs < job.recipe.epochs and result.stale < job.recipe.patience:
        start = time.monotonic()
        loss, images = stepper.epoch(result.epochs)
        result.epochs += 1
        result.images += images
        result.losses.append(loss)
        if job.select and _evaluation_is_due(result.epochs, job.recipe):
            best = _evaluate(network, job, job.select, result, best)
        elapsed = time.monotonic() - start
        result.seconds += elapsed
        if job.on_epoch:
            job.on_epoch(_progress(job, result, images / elapsed, stepper.take_note()))
        if job.checkpoint and time.monotonic() - saved > CHECKPOINT_SECONDS:
            write_checkpoint(job.checkpoint, network, optimizer, best, asdict(result))
            saved = time.monotonic()
    if best:
        network.load_state_dict(best)
    if job.checkpoint:
        job.checkpoint.unlink(missing_ok=True)
    network.eval()
    return result


class _Stepper:
    """Runs the steps of an epoch; splits a batch that does not fit in memory."""

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer, job: Fit, result: FitResult) -> None:
        self._network = network
        self._optimizer = optimizer
        self._job = job
        self._result = result
        self._loss = nn.CrossEntropyLoss(label_smoothing=job.recipe.label_smoothing, reduction="sum")
        self._precision: Precision = resolve(job.recipe.precision, job.device)
        self._note = ""

    def epoch(self, epoch: int) -> tuple[float, int]:
        """Mean loss and number of images of one pass over the training images."""
        recipe, device, batches = self._job.recipe, self._job.device, self._job.train
        torch.manual_seed(hash((self._job.seed, epoch)) % 2**31)
        self._network.train()
        total, images = torch.zeros((), device=device), 0
        variation = Variation(augmentation=recipe.augmentation)
        for step, (pixels, labels, draws) in enumerate(batches.epoch(epoch)):
            set_learning_rate(self._optimizer, recipe, epoch * len(batches) + step, recipe.epochs * len(batches))
            views = vary(pixels.to(device), variation, draws)
            total += self._step(views.contiguous(memory_format=torch.channels_last), labels.to(device))
            images += len(labels)
        mean = float(total) / images
        if not mean < float("inf"):
            raise TrainingError(
                f"The loss is {mean} after epoch {epoch + 1}: the training diverged. "
                f"Choose a learning rate below {recipe.learning_rate:g}."
            )
        return mean, images

    def take_note(self) -> str:
        """The message to show, once."""
        note, self._note = self._note, ""
        return note

    def _step(self, images: Images, labels: Labels) -> Tensor:
        while True:
            try:
                return self._try_step(images, labels)
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error):
                    raise
                self._halve()

    def _try_step(self, images: Images, labels: Labels) -> Tensor:
        self._optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=images.device)
        for part, wanted in zip(
            images.split(self._result.micro_batch), labels.split(self._result.micro_batch), strict=True
        ):
            with autocast(self._precision, self._job.device):
                loss = self._loss(self._network(part).float(), wanted)
            (loss / len(labels)).backward()
            total += loss.detach()
        nn.utils.clip_grad_norm_(self._network.parameters(), self._job.recipe.clip_norm)
        self._optimizer.step()
        return total

    def _halve(self) -> None:
        if self._result.micro_batch == 1:
            raise TrainingError("Not even one image fits in memory. Choose a smaller model or a smaller image size.")
        self._result.micro_batch //= 2
        self._note = f"out of memory: the batch is now worked off in parts of {self._result.micro_batch} images"


def _is_out_of_memory(error: BaseException) -> bool:
    known = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in known)


def _evaluation_is_due(epoch: int, recipe: Recipe) -> bool:
    """Whether one of the evenly spread evaluations falls on this epoch; the last epoch always has one."""
    return epoch * recipe.evaluations // recipe.epochs > (epoch - 1) * recipe.evaluations // recipe.epochs


def _evaluate(
    network: nn.Module, job: Fit, select: BatchSource, result: FitResult, best: dict[str, Tensor]
) -> dict[str, Tensor]:
    accuracy = share_correct(network, select, job.device)
    result.accuracies[result.epochs] = accuracy
    if accuracy >= result.best_accuracy:  # of equals the later: it was trained at a lower learning rate
        result.best_accuracy, result.best_epoch, result.stale = accuracy, result.epochs, 0
        return _copy(network)
    result.stale += 1
    return best


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in network.state_dict().items()}


def _progress(job: Fit, result: FitResult, rate: float, note: str) -> EpochProgress:
    return EpochProgress(
        epoch=result.epochs,
        epochs=job.recipe.epochs,
        images_per_second=rate,
        loss=result.losses[-1],
        note=note,
    )
