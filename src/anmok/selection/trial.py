"""One trial: one model trained on one nested fraction of the train split, judged on the select split."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from anmok.backbone import Scaling
from anmok.catalogue.scaling import UNSCALED
from anmok.errors import TrainingError
from anmok.evaluation.measurements import AnyOutcome, Measurement, Scalar
from anmok.evaluation.objective import estimate
from anmok.selection.kept import Trained, keep
from anmok.selection.run_directory import RunDirectory
from anmok.selection.segment_material import AnyMaterial
from anmok.training.classifier import ImageClassifier
from anmok.training.loop import EpochProgress, Fit, FitResult, fit
from anmok.training.recipe import Recipe

FAILED = "trial_failed"
ACCURACY = "select_accuracy"
SECONDS = "train_seconds"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is to be trained; equal trials give equal results on one machine."""

    model: str
    fraction: float
    recipe: Recipe
    seed: int
    stage: str = "race"
    scaling: Scaling | None = None  # None: the preset as it is

    @property
    def checkpoint(self) -> str:
        """Name of its checkpoint."""
        scaled = "".join(f"-{name}{factor:g}" for name, factor in self._factors.items())
        return f"{self.stage}-{self.fraction:.4f}-{self.recipe.augmentation}-seed{self.seed}{scaled}"

    @property
    def conditions(self) -> dict[str, Scalar]:
        """What the rows of this trial have in common."""
        where: dict[str, Scalar] = {"stage": self.stage, "fraction": self.fraction}
        return where | chosen_by_plan(self.recipe) | self._factors

    @property
    def _factors(self) -> dict[str, Scalar]:
        return factors(self.scaling) if self.scaling else {}


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """Rows for the table."""

    trial: Trial
    rows: tuple[Measurement, ...]
    outcomes: tuple[AnyOutcome, ...] = ()


def factors(scaling: Scaling) -> dict[str, Scalar]:
    """By the names that the papers give them."""
    return {"alpha": scaling.depth, "beta": scaling.width, "gamma": scaling.resolution}


def chosen_by_plan(recipe: Recipe) -> dict[str, Scalar]:
    """The parts of a recipe that differ from run to run."""
    return {"epochs": recipe.epochs, "precision": recipe.precision, "augmentation": recipe.augmentation}


def run_trial(
    trial: Trial,
    material: AnyMaterial,
    run: RunDirectory,
    device: torch.device,
    watch: Callable[[EpochProgress], None],
) -> TrialRecord:
    """Train and judge; a training that fails becomes a row with its reason."""
    torch.manual_seed(trial.seed)
    rows = material.fraction(trial.fraction, trial.seed)
    classifier = material.begin(trial.model, rows, device, trial.scaling or UNSCALED)
    recipe = trial.recipe
    select = material.evaluation(material.rows("select"))
    job = Fit(
        network=classifier,
        task=material.task,
        train=material.training(rows, recipe, trial.seed),
        recipe=recipe,
        device=device,
        seed=trial.seed,
        select=select,
        checkpoint=run.checkpoint(trial.model, trial.checkpoint),
        on_epoch=watch,
    )
    try:
        result = fit(job)
    except TrainingError as error:
        return TrialRecord(trial=trial, rows=(_row(trial, FAILED, 1.0, "", note=str(error)),))
    if trial.stage == "race" and isinstance(classifier, ImageClassifier):
        keep(run, Trained(trial.model, trial.fraction, trial.seed), classifier)
    answers = material.judge(classifier, trial.model, "select", device)
    outcome = replace(answers, conditions=trial.conditions | {"seed": trial.seed})
    return TrialRecord(trial=trial, rows=_rows(trial, result, len(rows), outcome), outcomes=(outcome,))


def _rows(trial: Trial, result: FitResult, images: int, outcome: AnyOutcome) -> tuple[Measurement, ...]:
    share = estimate(outcome.correct)
    epochs = trial.recipe.epochs
    stopped = "" if result.epochs == epochs else f"stopped early after {result.epochs} of {epochs} epochs"
    return (
        replace(
            _row(trial, ACCURACY, share.value, "share", images=images, note=stopped),
            low=share.low,
            high=share.high,
            n=share.n,
        ),
        _row(trial, SECONDS, result.seconds, "s", images=images),
        _row(trial, "train_images_per_second", result.seen / result.seconds, "1/s", images=images),
        _row(trial, "train_loss", result.losses[-1], "nats", images=images),
    )


def _row(trial: Trial, metric: str, value: float, unit: str, *, images: int = 0, note: str = "") -> Measurement:
    conditions = trial.conditions | ({"images": images} if images else {})
    return Measurement(
        subject=trial.model,
        metric=metric,
        value=value,
        unit=unit,
        seed=trial.seed,
        conditions=conditions,
        note=note,
    )
