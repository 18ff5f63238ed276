"""The final training: the winner on everything but the test split, then, once, the test split."""

from dataclasses import asdict, dataclass, replace

import torch

from anmok.evaluation.measurements import AnyOutcome, Measurement, Scalar
from anmok.evaluation.objective import estimate
from anmok.selection.crew import Tools
from anmok.selection.material import WEIGHTS
from anmok.selection.trial import SECONDS, chosen_by_plan
from anmok.training.loop import Fit, fit
from anmok.training.recipe import Recipe

TEST_ACCURACY = "test_accuracy"


@dataclass(frozen=True, kw_only=True)
class FinalTraining:
    """Which model to keep, and how long to train it."""

    model: str
    recipe: Recipe
    threads: int
    seed: int
    data: str  # name of the data, for the record

    @property
    def conditions(self) -> dict[str, Scalar]:
        """What the rows of this training have in common."""
        return {"stage": "final"} | chosen_by_plan(self.recipe)


@dataclass(frozen=True, kw_only=True)
class FinalRecord:
    """Rows for the table."""

    rows: tuple[Measurement, ...]
    outcomes: tuple[AnyOutcome, ...]


def train_final(tools: Tools, final: FinalTraining) -> FinalRecord:
    """The job of a worker: train, judge on the test split, save to best/."""
    material, run, device = tools.material, tools.run, tools.device
    torch.set_num_threads(final.threads)
    torch.manual_seed(final.seed)
    rows = material.rows("train", "select")
    classifier = material.begin(final.model, rows, device)
    job = Fit(
        network=classifier,
        task=material.task,
        train=material.training(rows, final.recipe, final.seed),
        recipe=final.recipe,
        device=device,
        seed=final.seed,
        checkpoint=run.checkpoint(final.model, "final"),
        on_epoch=tools.watch,
    )
    result = fit(job)
    answers, found = material.test(classifier, final.model, device)
    outcome = replace(answers, conditions=final.conditions)
    share = estimate(outcome.correct)
    weights = run.measurements.rows(metric=WEIGHTS, subject=final.model)
    facts = {
        "data": final.data,
        "recipe": asdict(final.recipe),
        "train_images": len(rows),
        "test_accuracy": share.value,
        "test_interval": [share.low, share.high],
        "test_images": share.n,
        "seed": final.seed,
        "pretrained": weights[-1].note if weights else "no",
    }
    material.save(classifier, final.model, run.best, facts, found)
    conditions = final.conditions | {"images": len(rows)}
    tested = Measurement(
        subject=final.model, metric=TEST_ACCURACY, value=share.value, unit="share", low=share.low, high=share.high,
        n=share.n, seed=final.seed, conditions=conditions,
    )  # fmt: skip
    trained = Measurement(
        subject=final.model, metric=SECONDS, value=result.seconds, unit="s", seed=final.seed, conditions=conditions
    )
    also = (replace(row, subject=final.model, seed=final.seed, conditions=conditions) for row in found.rows)
    return FinalRecord(rows=(trained, *also, tested), outcomes=(outcome,))
