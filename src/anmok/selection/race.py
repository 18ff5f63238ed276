"""The race: all models on the same small part of the data, the likely ones on twice as much, and so on."""

from anmok.data import Augmentation
from anmok.errors import TrainingError
from anmok.evaluation.measurements import Measurement, Scalar
from anmok.selection.campaign import Campaign
from anmok.selection.crew import Crew, Tools
from anmok.selection.evidence import UNLIKELY, Evidence, read_costs, read_evidence
from anmok.selection.observer import Observer
from anmok.selection.plan import Cost, Extent, Plan, epochs_at, final_seconds, trial_seconds
from anmok.selection.trial import Trial, TrialRecord, run_trial
from anmok.training.loop import EpochProgress
from anmok.training.recipe import Recipe

DROPPED = "dropped"
RACE_ENDED = "race_ended"


class Race:
    """Runs the plan rung by rung; finished trials are read from the table, never repeated."""

    def __init__(self, campaign: Campaign, plan: Plan, extent: Extent, augmentation: Augmentation) -> None:
        self._seed = campaign.request.seed
        self._run = campaign.run
        self._table = campaign.table
        self._observer = campaign.observer
        self._plan = plan
        self._extent = extent
        self._augmentation = augmentation

    def run(self, crew: Crew) -> None:
        """Race to the last rung, or until the time for it is spent."""
        alive = list(self._plan.models)
        for fraction in self._plan.fractions:
            costs = read_costs(self._table)
            trials = [self._trial(model, costs[model], fraction) for model in alive]
            affordable = self._affordable(trials)
            self._rung(crew, affordable)
            if len(affordable) < len(trials):
                waiting = ", ".join(t.model for t in trials if t not in affordable)
                self._record("run", RACE_ENDED, fraction, f"the race's share of the budget was spent before: {waiting}")
                return
            alive = self._survivors(alive, fraction)
            if not alive:
                raise TrainingError("Every model failed to train: see log.txt. Check the images with `anmok audit`.")

    def _trial(self, model: str, cost: Cost, fraction: float) -> Trial:
        recipe = Recipe(
            epochs=epochs_at(fraction, self._plan.epochs),
            precision=cost.precision,
            augmentation=self._augmentation,
        )
        return Trial(model=model, fraction=fraction, recipe=recipe, seed=self._seed)

    def _affordable(self, trials: list[Trial]) -> list[Trial]:
        """The trials that fit into the time left, the most promising first; those already done cost nothing."""
        evidence = read_evidence(self._table)
        chances = evidence.chances()
        reserved = final_seconds(evidence.costs, [t.model for t in trials], self._plan.epochs, self._extent)
        left = self._plan.available_seconds - reserved - evidence.spent / self._extent.workers
        chosen = []
        for trial in sorted(trials, key=lambda t: -chances.get(t.model, 0.0)):
            if not _is_done(evidence, trial):
                left -= self._seconds(evidence.costs[trial.model], trial) / self._extent.workers
            if left >= 0:
                chosen.append(trial)
        return chosen

    def _seconds(self, cost: Cost, trial: Trial) -> float:
        return trial_seconds(cost, trial.fraction, self._plan.epochs, self._extent)

    def _rung(self, crew: Crew, trials: list[Trial]) -> None:
        evidence = read_evidence(self._table)
        todo = [t for t in trials if not _is_done(evidence, t)]
        # The longest first, so that no worker is left alone with a long trial at the end.
        todo.sort(key=lambda t: -self._seconds(evidence.costs[t.model], t))
        shown = _Progress(self._observer, todo, {t: self._seconds(evidence.costs[t.model], t) for t in todo})
        for record in crew.run(train_and_judge, todo, shown.epoch):
            self._table.append(record.rows, record.outcomes)
            self._run.checkpoint(record.trial.model, record.trial.checkpoint).unlink(missing_ok=True)
            shown.finish(record)

    def _survivors(self, alive: list[str], fraction: float) -> list[str]:
        """Models worth more data; each that is not gets a row that says why."""
        evidence = read_evidence(self._table)
        chances = evidence.chances()
        standing = [m for m in alive if m not in evidence.failures]
        last = fraction == self._plan.fractions[-1]
        kept = [m for m in standing if last or chances[m] >= UNLIKELY]
        known = {row.subject for row in self._table.rows(metric=DROPPED)}
        for model in set(standing) - set(kept) - known:
            expected = evidence.curves()[model].expect(evidence.train_images)
            reason = (
                f"chance of {chances[model]:.1%} to come within one point of the best at full data; "
                f"expected there: {100 * expected.mean:.1f} %"
            )
            self._record(model, DROPPED, fraction, reason, value=chances[model])
        return kept

    def _record(self, subject: str, metric: str, fraction: float, note: str, *, value: float = 1.0) -> None:
        conditions: dict[str, Scalar] = {"stage": "race", "fraction": fraction}
        self._table.append([Measurement(subject=subject, metric=metric, value=value, conditions=conditions, note=note)])
        self._observer.note(f"{subject}: {note}")


def train_and_judge(tools: Tools, trial: Trial) -> TrialRecord:
    """The job of a worker."""
    return run_trial(trial, tools.material, tools.run, tools.device, tools.watch)


def _is_done(evidence: Evidence, trial: Trial) -> bool:
    return trial.fraction in evidence.accuracies.get(trial.model, {}) or trial.model in evidence.failures


class _Progress:
    """Progress of a rung in forecast seconds, from the news of its trials."""

    def __init__(self, observer: Observer, trials: list[Trial], seconds: dict[Trial, float]) -> None:
        self._observer = observer
        self._seconds = seconds
        self._done = dict.fromkeys(trials, 0.0)
        self._rates: dict[Trial, float] = {}

    def epoch(self, trial: Trial, progress: EpochProgress) -> None:
        """One epoch of one trial is over."""
        self._done[trial] = progress.epoch / progress.epochs
        self._rates[trial] = progress.images_per_second
        if progress.note:
            self._observer.note(f"{trial.model}: {progress.note}")
        self._show(f"{trial.model} on {trial.fraction:.0%} of the images, epoch {progress.epoch}/{progress.epochs}")

    def finish(self, record: TrialRecord) -> None:
        """One trial is over."""
        self._done[record.trial] = 1.0
        self._rates.pop(record.trial, None)
        first = record.rows[0]
        result = first.note if not record.outcomes else f"{100 * first.value:.1f} % on the select split"
        self._observer.note(f"{record.trial.model} on {record.trial.fraction:.1%} of the images: {result}")
        self._show(f"{record.trial.model} finished")

    def _show(self, detail: str) -> None:
        done = sum(self._seconds[t] * share for t, share in self._done.items())
        rate = sum(self._rates.values())
        self._observer.progress(done, sum(self._seconds.values()), f"{detail}, {rate:,.0f} images/s")
