from collections.abc import Callable
from pathlib import Path

import pytest

from anmok.backbone import Kind
from anmok.data import Augmentation
from anmok.errors import AnmokError, BudgetError, TrainingError
from anmok.evaluation.measurements import Measurement
from anmok.selection.campaign import Campaign
from anmok.selection.crew import Crew
from anmok.selection.evidence import COSTS, KIND
from anmok.selection.observer import Silent
from anmok.selection.plan import Extent, Plan
from anmok.selection.race import Race
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory
from anmok.selection.trial import FAILED, Trial, TrialRecord

EXTENT = Extent(train_images=640, final_images=800, num_classes=10, budget=60.0, workers=1)


class Alone(Crew):
    """Does each training at once, in a way of its own."""

    def __init__(self, train: Callable[[Trial], TrialRecord]) -> None:
        self._train = train

    def run(self, job, tasks, watch):
        for trial in iter(lambda: next(tasks, None), None):
            yield self._train(trial)


def fail(trial: Trial) -> TrialRecord:
    row = Measurement(
        subject=trial.model, metric=FAILED, value=1.0, seed=trial.seed, conditions=trial.conditions, note="loss is nan"
    )
    return TrialRecord(trial=trial, rows=(row,))


@pytest.mark.parametrize(
    ("seconds", "error", "message"),
    [
        (0.0, BudgetError, r"^The budget was spent before a model was trained: other work .* Raise --budget\.$"),
        (60.0, TrainingError, r"^Every model failed to train: see log\.txt\. Check the images with `anmok audit`\.$"),
    ],
)
def test_a_race_that_leaves_nothing_says_why(
    seconds: float, error: type[AnmokError], message: str, tmp_path: Path
) -> None:
    plan = Plan(
        models=("mlp_nano",),
        left_out=(),
        fractions=(0.5, 1.0),
        epochs=4,
        available_seconds=seconds,
        forecast_seconds=1.0,
    )
    with RunDirectory(tmp_path / "run") as run:
        rows = [Measurement(subject="data", metric="train_images", value=640)]
        notes = {"seconds_per_image": "fp32"}
        rows += [Measurement(subject="mlp_nano", metric=name, value=1e-4, note=notes.get(name, "")) for name in COSTS]
        rows.append(Measurement(subject="mlp_nano", metric=KIND, value=1.0, note=Kind.MLP))
        run.measurements.append(rows)
        race = Race(Campaign(Request(data="photos"), run, Silent()), plan, EXTENT, Augmentation.NONE)
        with pytest.raises(error, match=message):
            race.run(Alone(fail))
