"""Which training next: laws that any sensible allocation obeys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.selection.allocation import Stop, Task, Terms, next_task
from anmok.selection.evidence import Evidence, Finished

N, SELECT = 1600, 1000
FRACTIONS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
MODELS = ("a", "b", "c", "d")


def finished(model: str, fraction: float, accuracy: float, *, seed: int = 0) -> Finished:
    correct = np.random.default_rng([seed, *model.encode()]).permutation(SELECT) < accuracy * SELECT
    return Finished(
        model=model, fraction=fraction, images=int(fraction * N), seed=seed, seconds=fraction, correct=correct
    )


def evidence(*trials: Finished, failures: dict[str, str] | None = None) -> Evidence:
    return Evidence(train_images=N, finished=trials, failures=failures or {})


def terms(budget: float = 100.0, models: tuple[str, ...] = MODELS, **seconds: float) -> Terms:
    costs = {(m, f): f * seconds.get(m, 1.0) for m in models for f in FRACTIONS}
    return Terms(budget=budget, seconds=costs, seeds=(5, 6))


def race(truth: dict[str, float], given: Terms) -> tuple[list[Task], Stop]:
    """Play it to the end with curves that all rise alike."""
    trials: list[Finished] = []
    while True:
        task = next_task(evidence(*trials), given)
        if isinstance(task, Stop):
            return [Task(t.model, t.fraction, t.seed) for t in trials], task
        accuracy = 1 / (1 + np.exp(-truth[task.model] - 0.3 * np.log2(task.fraction)))
        trials.append(finished(task.model, task.fraction, accuracy, seed=task.seed))


def test_it_starts_small_and_looks_at_all() -> None:
    tasks, _ = race({"a": 1.0, "b": 0.9, "c": 0.8, "d": 0.7}, terms(budget=1.0))
    assert {t.model for t in tasks} == set(MODELS)
    assert tasks[0].fraction < 1
    assert len(tasks) == len(set(tasks))


def test_a_clear_winner_ends_the_race_early() -> None:
    tasks, stop = race({"a": 3.0, "b": 0.0, "c": -0.2, "d": -0.4}, terms())
    assert stop.reason.startswith("a comes within half a point of the best with a chance of 9")
    assert sum(t.fraction for t in tasks) < 0.5 * len(MODELS)


def test_time_goes_to_contenders() -> None:
    tasks, _ = race({"a": 1.0, "b": 0.95, "c": -0.5, "d": -0.6}, terms(budget=1.5))
    spent = {m: sum(t.fraction for t in tasks if t.model == m) for m in MODELS}
    assert min(spent["a"], spent["b"]) > max(spent["c"], spent["d"])


@settings(max_examples=3)
@given(st.floats(0.01, 1.5))
def test_the_budget_holds(budget: float) -> None:
    tasks, stop = race({"a": 1.0, "b": 0.95, "c": 0.9, "d": 0.5}, terms(budget=budget))
    assert sum(t.fraction for t in tasks) <= budget + 1e-9
    assert stop.reason


def test_a_task_at_work_is_not_handed_out_again_and_is_paid_for() -> None:
    first = next_task(evidence(), terms())
    assert isinstance(first, Task)
    second = next_task(evidence(), terms(), [first])
    assert isinstance(second, Task)
    assert (second.model, second.fraction, second.seed) != (first.model, first.fraction, first.seed)
    assert second.model != first.model  # what is running will be known
    assert isinstance(next_task(evidence(), terms(budget=first.fraction), [first]), Stop)


def test_the_order_of_arrival_does_not_matter() -> None:
    trials = [finished(m, f, 0.5 + 0.1 * f) for m in MODELS[:3] for f in FRACTIONS[:2]]
    running = [Task("d", 1 / 16, 5), Task("a", 1 / 4, 5)]
    answers = {
        next_task(evidence(*trials), terms(), running),
        next_task(evidence(*trials[::-1]), terms(), running[::-1]),
    }
    assert len(answers) == 1


def test_a_model_that_failed_gets_no_more_time() -> None:
    failed = evidence(failures={"a": "The loss is nan."})
    asked = next_task(failed, terms())
    assert isinstance(asked, Task)
    assert asked.model != "a"
    assert next_task(evidence(failures=dict.fromkeys(MODELS, "nan")), terms()) == Stop("every model failed to train")


def test_seeds_are_used_in_their_order_and_no_more_than_given() -> None:
    everything = [finished(m, f, 0.6, seed=s) for m in MODELS for f in FRACTIONS for s in (5, 6)]
    assert isinstance(next_task(evidence(*everything), terms()), Stop)
    alone = next_task(evidence(*(t for t in everything if t.seed == 5)), terms())
    assert not isinstance(alone, Task) or alone.seed == 6


def test_what_experience_knows_for_sure_is_only_checked() -> None:
    known = Evidence(train_images=N, finished=(), prior={"a": (0.2, 0.02)} | dict.fromkeys("bcd", (-0.07, 0.02)))
    task = next_task(known, terms())
    assert isinstance(task, Task)
    assert task.model == "a"  # it alone is tried: experience never decides by itself
    tried = Evidence(train_images=N, finished=(finished("a", task.fraction, 0.6),), prior=known.prior)
    assert isinstance(next_task(tried, terms()), Stop)


@pytest.mark.parametrize("budget", [0.0, 0.01])
def test_no_time_is_a_stop_with_its_reason(budget: float) -> None:
    assert next_task(evidence(), terms(budget=budget)) == Stop("the time for the race is spent")
