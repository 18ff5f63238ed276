"""The training loop: one for every model, device and stage."""

import time
from dataclasses import asdict

import torch
from torch import Tensor

from anmok.data import BatchSource
from anmok.errors import TrainingError
from anmok.training.checkpoint import State, read_checkpoint, write_checkpoint
from anmok.training.distributed import this_part
from anmok.training.engine import choose_engine
from anmok.training.job import EpochProgress as EpochProgress
from anmok.training.job import Fit as Fit
from anmok.training.job import FitResult as FitResult
from anmok.training.optimizer import build_optimizer, set_learning_rate
from anmok.training.recipe import Recipe
from anmok.training.stepper import Stepper
from anmok.training.task import Moment

CHECKPOINT_SECONDS = 5.0  # at most this much training is lost when the process dies,
CHECKPOINT_SHARE = 0.05  # unless writing it all would take more than this share of the time


def fit(job: Fit) -> FitResult:
    """Train, resuming from the checkpoint where there is one, at the very step.

    Bit-repeatable on one machine with one number of threads: order, augmentation, mixing and dropout of a step
    depend on (seed, epoch, step) alone. Raises `TrainingError` when the loss is no longer a number, or when not
    even one image fits in memory.
    """
    training = _Training(job)
    while training.goes_on():
        training.run_epoch()
    return training.finish()


class _Training:
    """The state of one training, and how it moves on."""

    def __init__(self, job: Fit) -> None:
        recipe = job.recipe
        self._job, self._recipe = job, recipe
        self._engine = engine = choose_engine(job)
        optimizer = build_optimizer(engine.network, recipe)
        self._state = State(engine.network, optimizer, engine.mean, {})
        if job.select:
            self._state.best.update(self._weights())
        self._result = FitResult(micro_batch=recipe.batch_size)
        if job.checkpoint and job.checkpoint.exists():
            stored = read_checkpoint(job.checkpoint, self._state)
            stored["scores"] = {int(k): v for k, v in stored["scores"].items()}
            self._result = FitResult(**stored)
        self._stepper = Stepper(engine.network, optimizer, job, self._result.micro_batch)
        self._clock = self._saved = time.monotonic()
        self._saving = 0.0  # seconds that the last checkpoint took
        self._note = ""

    def goes_on(self) -> bool:
        """Whether there is an epoch to train."""
        return self._result.epochs < self._recipe.epochs and self._result.stale < self._recipe.patience

    def run_epoch(self) -> None:
        """Train the rest of an epoch, judge, tell."""
        result, job = self._result, self._job
        start, before = time.monotonic(), result.loss_over
        self._steps()
        seen, mean = result.loss_over, result.loss_sum / result.loss_over
        result.epochs, result.step, result.loss_sum, result.loss_over = result.epochs + 1, 0, 0.0, 0
        result.seen += seen
        result.losses.append(mean)
        if job.select and _evaluation_is_due(result.epochs, self._recipe):
            self._evaluate(job.select)
        self._tick()
        if job.on_epoch:
            job.on_epoch(self._progress((seen - before) / (time.monotonic() - start)))
        if self._checkpoint_is_due():
            self._save()

    def finish(self) -> FitResult:
        """Leave the network with its best weights."""
        self._engine.leave(self._state.best if self._job.select else self._weights())
        self._job.network.eval()
        return self._result

    def _steps(self) -> None:
        result, job, steps = self._result, self._job, len(self._job.train)
        loss = torch.tensor(result.loss_sum, device=job.device)
        seen: Tensor | int = result.loss_over
        first = result.epochs * steps
        self._engine.network.train()
        for batch in job.train.epoch(result.epochs, start=result.step, part=this_part()):
            set_learning_rate(self._state.optimizer, self._recipe, first + result.step, self._recipe.epochs * steps)
            part_loss, count = self._stepper.step(batch, Moment(result.epochs, result.step))
            loss, seen = loss + part_loss, seen + count
            if self._engine.mean is not None:
                self._engine.mean.update_parameters(self._engine.network)
            result.step += 1
            result.micro_batch = self._stepper.micro_batch
            if job.on_step:
                job.on_step(first + result.step, self._recipe.epochs * steps)
            if result.step < steps and self._checkpoint_is_due():
                self._take_in(loss, seen)
                self._tick()
                self._save()
        self._take_in(loss, seen)

    def _take_in(self, loss: Tensor, seen: Tensor | int) -> None:
        """Fetch the running numbers from the device, and look at them."""
        result = self._result
        result.loss_sum, result.loss_over = float(loss), int(seen)
        mean = result.loss_sum / result.loss_over
        if not mean < float("inf"):
            raise TrainingError(
                f"The loss is {mean} after epoch {result.epochs + 1}: the training diverged. "
                f"Choose a learning rate below {self._recipe.learning_rate:g}."
            )

    def _evaluate(self, select: BatchSource) -> None:
        result = self._result
        with self._engine.evaluable() as network:
            score = self._job.task.score(network, select, self._job.device)
        result.scores[result.epochs] = score
        if score >= result.best_score:  # of equals the later: it was trained at a lower learning rate
            result.best_score, result.best_epoch, result.stale = score, result.epochs, 0
            self._state.best.update(self._weights())
        else:
            result.stale += 1

    def _checkpoint_is_due(self) -> bool:
        if self._job.checkpoint is None:
            return False
        pause = max(CHECKPOINT_SECONDS, self._saving / CHECKPOINT_SHARE)
        return self._engine.all_save(due=time.monotonic() - self._saved > pause)

    def _save(self) -> None:
        """Write a checkpoint; where that fails, the training goes on and the one before stays."""
        start = time.monotonic()
        try:
            if self._job.checkpoint:
                write_checkpoint(self._job.checkpoint, self._state, asdict(self._result))
        except OSError as error:
            self._note = f"the checkpoint cannot be written ({error.strerror or error}): the one before is kept"
        self._saved = time.monotonic()
        self._saving = self._saved - start

    def _weights(self) -> dict[str, Tensor]:
        """A copy of the weights that are judged."""
        return {k: v.detach().clone() for k, v in self._engine.judged.state_dict().items()}

    def _tick(self) -> None:
        now = time.monotonic()
        self._result.seconds += now - self._clock
        self._clock = now

    def _progress(self, rate: float) -> EpochProgress:
        result = self._result
        notes = [note for note in (self._stepper.take_note(), self._note) if note]
        self._note = ""
        return EpochProgress(
            epoch=result.epochs,
            epochs=self._recipe.epochs,
            rate=rate,
            unit=self._job.task.unit,
            loss=result.losses[-1],
            note="; ".join(notes),
            learning_rate=max(group["lr"] for group in self._state.optimizer.param_groups),
            score=result.scores.get(result.epochs),
            seconds=result.seconds,
        )


def _evaluation_is_due(epoch: int, recipe: Recipe) -> bool:
    """Whether one of the evenly spread evaluations falls on this epoch; the last epoch always has one."""
    return epoch * recipe.evaluations // recipe.epochs > (epoch - 1) * recipe.evaluations // recipe.epochs
