"""All that is known of earlier data sets: the truth that ships with Anmok, and what this machine remembers."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from anmok.experience.fingerprint import Fingerprint
from anmok.experience.recorded import read_recorded
from anmok.experience.records import FinishedTrial
from anmok.experience.store import ExperienceStore

Judge: TypeAlias = Literal["test", "select"]
"""The split that accuracies come from."""

_ENOUGH = 3  # models; with fewer test accuracies, select accuracies tell more


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Models trained alike on all of one data set: one race, or one recorded data set."""

    data: str
    fingerprint: Fingerprint
    shipped: bool  # with Anmok; else of this machine or of the file that was named
    judge: Judge
    accuracies: dict[str, tuple[float, ...]]  # model -> accuracy with each seed, in [0, 1]
    trials: int  # rows behind it, those on parts of the data included

    def mean(self, model: str) -> float:
        """Accuracy of a model, mean over seeds."""
        return sum(self.accuracies[model]) / len(self.accuracies[model])


@dataclass(frozen=True)
class Memory:
    """Every lesson."""

    lessons: tuple[Lesson, ...]

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Names, each once, in order."""
        return tuple(sorted({lesson.data for lesson in self.lessons}))

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that was trained on all of some data set."""
        return tuple(sorted({model for lesson in self.lessons for model in lesson.accuracies}))

    def without(self, data: str) -> "Memory":
        """The same without anything about one data set."""
        return Memory(tuple(lesson for lesson in self.lessons if lesson.data != data))


def recall(store: ExperienceStore | None = None, *, pretrained: bool = False) -> Memory:
    """Join the recorded truth and a store.

    Either of what was trained from scratch or of what started from pretrained weights: neither says much of the other.
    """
    shipped = read_recorded()
    races = defaultdict(list)
    for trial in shipped.trials:
        if trial.pretrained is pretrained:
            races[trial.data].append(trial)
    lessons = [_lesson(trials, shipped.fingerprints[data], shipped=True) for data, trials in sorted(races.items())]
    if store is not None:
        known, own = store.fingerprints(), defaultdict(list)
        for id, trial in store.trials():
            if trial.pretrained is pretrained:
                own[id, trial.run].append(trial)
        lessons += [_lesson(trials, known[id], shipped=False) for (id, _), trials in own.items() if id in known]
    return Memory(tuple(lessons))


def _lesson(trials: list[FinishedTrial], fingerprint: Fingerprint, *, shipped: bool) -> Lesson:
    full = [trial for trial in trials if trial.fraction == 1]
    tested = _by_model((trial.model, trial.test_accuracy) for trial in full)
    selected = _by_model((trial.model, trial.select_accuracy) for trial in full)
    judge: Judge = "test" if len(tested) >= _ENOUGH or not selected else "select"
    return Lesson(
        data=trials[0].data,
        fingerprint=fingerprint,
        shipped=shipped,
        judge=judge,
        accuracies=tested if judge == "test" else selected,
        trials=len(trials),
    )


def _by_model(found: Iterable[tuple[str, float | None]]) -> dict[str, tuple[float, ...]]:
    values: dict[str, list[float]] = {}
    for model, accuracy in found:
        if accuracy is not None:
            values.setdefault(model, []).append(accuracy)
    return {model: tuple(accuracies) for model, accuracies in sorted(values.items())}
