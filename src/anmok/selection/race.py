"""The race: whoever is free trains what is expected to improve the choice most per second."""

from collections.abc import Iterator

from anmok.data import Augmentation
from anmok.errors import BudgetError, TrainingError
from anmok.evaluation.measurements import Measurement
from anmok.evaluation.objective import Objective
from anmok.selection.allocation import Stop, Task, Terms, next_task
from anmok.selection.campaign import Campaign
from anmok.selection.crew import Crew, Tools
from anmok.selection.evidence import Evidence, read_evidence
from anmok.selection.objectives import SELECT_SCORE, read_objective, with_scores
from anmok.selection.observer import Observer
from anmok.selection.plan import Extent, Plan, epochs_at
from anmok.selection.terms import race_terms
from anmok.selection.trial import SECONDS, Trial, TrialRecord, run_trial
from anmok.training.loop import EpochProgress
from anmok.training.recipe import Precision

RACE_ENDED = "race_ended"


class Race:
    """Hands out trainings until none is worth its time; finished ones are read from the table, never repeated."""

    def __init__(self, campaign: Campaign, plan: Plan, extent: Extent, augmentation: Augmentation) -> None:
        self._seed = campaign.request.seed
        self._run = campaign.run
        self._table = campaign.table
        self._observer = campaign.observer
        self._plan = plan
        self._extent = extent
        self._recipe = campaign.recipe.changed({"augmentation": augmentation})
        self._running: list[Task] = []
        self._objective = read_objective(campaign.table)

    def run(self, crew: Crew) -> None:
        """Race until the choice is clear, cannot be improved, or the time for it is spent."""
        evidence = read_evidence(self._table)
        shown = _Progress(self._observer, self._terms(evidence).budget, evidence.spent)
        for record in crew.run(train_and_judge, self._trials(), shown.epoch):
            rows = with_scores(record.rows, record.outcomes, self._objective)
            self._table.append(rows, record.outcomes)
            self._run.checkpoint(record.trial.model, record.trial.checkpoint).unlink(missing_ok=True)
            self._running.remove(_task(record.trial))
            self._observer.note(_describe(record, rows[-1], self._objective))
            shown.finish(record)
        evidence = read_evidence(self._table)
        if not evidence.models and evidence.failures:
            raise TrainingError("Every model failed to train: see log.txt. Check the images with `anmok audit`.")
        if not evidence.models:
            raise BudgetError(
                "The budget was spent before a model was trained: other work slowed this machine down. Raise --budget."
            )

    def _terms(self, evidence: Evidence) -> Terms:
        return race_terms(self._plan, self._extent, evidence, self._seed)

    def _trials(self) -> Iterator[Trial | None]:
        """The next training whenever a worker asks; None while it depends on what is running."""
        while True:
            evidence = read_evidence(self._table)
            task = next_task(evidence, self._terms(evidence), self._running)
            if isinstance(task, Task):
                self._running.append(task)
                yield self._trial(task, evidence.costs[task.model].precision)
            elif self._running:
                yield None
            else:
                return self._end(task)

    def _trial(self, task: Task, precision: Precision) -> Trial:
        recipe = self._recipe.changed({"epochs": epochs_at(task.fraction, self._plan.epochs), "precision": precision})
        return Trial(model=task.model, fraction=task.fraction, recipe=recipe, seed=task.seed)

    def _end(self, stop: Stop) -> None:
        if not self._table.rows(metric=RACE_ENDED):
            self._table.append([Measurement(subject="run", metric=RACE_ENDED, value=1.0, note=stop.reason)])
            self._observer.note(f"the race ends: {stop.reason}")


def train_and_judge(tools: Tools, trial: Trial) -> TrialRecord:
    """The job of a worker."""
    return run_trial(trial, tools.material, tools.run, tools.device, tools.watch)


def _task(trial: Trial) -> Task:
    return Task(trial.model, trial.fraction, trial.seed)


def _describe(record: TrialRecord, last: Measurement, objective: Objective) -> str:
    first, trial = record.rows[0], record.trial
    result = first.note if not record.outcomes else f"{100 * first.value:.1f} % on the select split"
    if last.metric == SELECT_SCORE:
        result = f"{objective.title} {100 * last.value:.1f} %, accuracy {result}"
    return f"{trial.model} on {trial.fraction:.1%} of the images, seed {trial.seed}: {result}"


class _Progress:
    """Progress of the race in seconds of training out of those that it may take."""

    def __init__(self, observer: Observer, budget: float, spent: float) -> None:
        self._observer = observer
        self._budget = budget
        self._spent = spent
        self._rates: dict[Trial, float] = {}

    def epoch(self, trial: Trial, progress: EpochProgress) -> None:
        """One epoch of one trial is over."""
        self._rates[trial] = progress.rate
        if progress.note:
            self._observer.note(f"{trial.model}: {progress.note}")
        rate = f"{sum(self._rates.values()):,.0f} images/s"
        detail = (
            f"{trial.model} on {trial.fraction:.0%} of the images, epoch {progress.epoch}/{progress.epochs}, {rate}"
        )
        self._observer.progress(min(self._spent, self._budget), self._budget, detail)

    def finish(self, record: TrialRecord) -> None:
        """One trial is over."""
        self._rates.pop(record.trial, None)
        self._spent += sum(row.value for row in record.rows if row.metric == SECONDS)
