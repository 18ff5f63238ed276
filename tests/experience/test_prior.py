from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.experience import Fingerprint, Memory, backtest, prior, similarity
from anmok.experience.prior import standardise
from recorded_past import DIGITS, PHOTOS, lesson, near

FAR = replace(PHOTOS, images=10**9, classes=10**6, separability=-1.0, side=4096)
THREE = {"a": 0.8, "b": 0.7, "c": 0.6}


def test_without_a_past_nothing_is_claimed() -> None:
    (known,) = prior(Memory(()), PHOTOS, ["a"]).values()
    assert (known.mean, known.sd, known.weight, known.data_sets) == (0.0, 0.05, 0.0, 0)


def test_one_lesson_about_the_same_data_counts_by_its_share() -> None:
    """general 0.4 + specific 0.3, until lessons can be compared; spread 10 points; one seed with 1 point of noise."""
    found = prior(Memory((lesson("x", PHOTOS, THREE),)), PHOTOS, ["a", "b", "unknown"])
    weight = 0.7 / (1 + 0.01**2 / 0.1**2)
    assert found["a"].mean == pytest.approx(0.1 * weight)
    assert found["a"].sd == pytest.approx(0.1 * (1 - 0.7 * weight) ** 0.5)
    assert found["a"].weight == pytest.approx(0.7 * weight)
    assert found["b"].mean == pytest.approx(0, abs=1e-12)
    assert (found["unknown"].mean, found["unknown"].weight, found["unknown"].data_sets) == (0, 0, 0)
    assert found["unknown"].sd == pytest.approx(0.1)


def test_unlike_data_teach_little_and_the_interval_says_so() -> None:
    memory = Memory((lesson("x", PHOTOS, THREE), lesson("y", near(PHOTOS, 1), THREE)))
    alike, unlike, far = (prior(memory, f, ["a"])["a"] for f in (PHOTOS, DIGITS, FAR))
    assert alike.mean > unlike.mean > far.mean
    assert alike.sd < unlike.sd < far.sd
    assert far.mean == pytest.approx(0, abs=0.01)
    assert far.weight < 0.01
    assert alike.data_sets == 2


def test_more_lessons_narrow_the_interval_and_repeated_runs_count_about_once() -> None:
    once = (lesson("x", PHOTOS, THREE), lesson("y", DIGITS, {"a": 0.6, "b": 0.8, "c": 0.7}))
    again = (*once, *(lesson("x", PHOTOS, THREE) for _ in range(3)))
    more = (*once, *(lesson(f"x{i}", near(PHOTOS, 10 * i), THREE) for i in range(3)))
    asked = near(PHOTOS, 2)
    few, repeated, many = (prior(Memory(lessons), asked, ["a"])["a"] for lessons in (once, again, more))
    assert few.sd > repeated.sd > 0
    assert few.sd > many.sd
    assert repeated.data_sets == 2
    assert many.data_sets == 5


def test_an_easy_data_set_teaches_as_much_as_a_hard_one() -> None:
    hard = prior(Memory((lesson("x", PHOTOS, THREE),)), PHOTOS, ["a"])["a"]
    easy = prior(Memory((lesson("x", PHOTOS, {m: 0.9 + a / 2 - 0.35 for m, a in THREE.items()}),)), PHOTOS, ["a"])["a"]
    assert easy.mean == pytest.approx(hard.mean / 2, rel=0.05)


def test_a_race_among_good_models_does_not_make_them_average() -> None:
    models = [f"m{i}" for i in range(8)]
    full = [lesson(f"x{i}", PHOTOS, {m: 0.5 + 0.05 * k for k, m in enumerate(models)}) for i in range(4)]
    best_only = lesson("y", PHOTOS, {"m5": 0.75, "m6": 0.8, "m7": 0.85})
    z, spreads = standardise([*full, best_only], models)
    assert np.isnan(z[4, :5]).all()
    np.testing.assert_allclose(z[4, 5:] * spreads[4] + 0.675, [0.75, 0.8, 0.85], atol=0.05)
    assert z[4, 5:].min() > 0
    np.testing.assert_allclose(z[:4].mean(1), 0, atol=1e-12)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.floats(-0.3, 0.05))
def test_a_level_does_not_matter_and_the_gains_add_up_to_nothing(seed: int, shift: float) -> None:
    random = np.random.default_rng(seed)
    tables = [dict(zip("abcdef", random.uniform(0.5, 0.9, 6).tolist(), strict=True)) for _ in range(4)]
    prints = [near(f, 5 * i) for i, f in enumerate((PHOTOS, DIGITS, PHOTOS, DIGITS))]

    def ask(by: float) -> list[float]:
        lessons = [
            lesson(f"x{i}", f, {m: a + by * i for m, a in table.items()})
            for i, (f, table) in enumerate(zip(prints, tables, strict=True))
        ]
        return [p.mean for p in prior(Memory(tuple(lessons)), near(PHOTOS, 3), "abcdef").values()]

    assert ask(shift) == pytest.approx(ask(0.0), abs=1e-9)
    assert sum(ask(0.0)) == pytest.approx(0, abs=1e-9)


def world(seed: int, *, data_sets: int = 10, models: int = 12) -> Memory:
    """Data sets of all characters, and models that are drawn as the prior believes: 0.5 general, 0.3 specific."""
    random = np.random.default_rng(seed)
    facts = PHOTOS.to_dict()
    prints = []
    for _ in range(data_sets):
        moved = {"images": 10 ** random.normal(3.5, 0.6), "classes": 10 ** random.normal(1.2, 0.4), "side": 32.0}
        steps = {"balance": 0.15, "colourfulness": 0.08, "brightness": 0.13, "contrast": 0.07, "alignment": 0.23}
        steps |= {"spectrum_slope": 0.4, "edge_density": 0.11, "sparsity": 0.35, "uniformity": 0.2, "separability": 0.3}
        moved |= {name: facts[name] + random.normal(0, step) for name, step in steps.items()}
        prints.append(Fingerprint.from_dict(moved))
    alike = np.array([[similarity(a, b) for b in prints] for a in prints])
    cov = 0.5 * alike ** (1 / 9) + 0.3 * alike + 0.2 * np.eye(data_sets)
    z = random.multivariate_normal(np.zeros(data_sets), cov, models).T
    spread = random.uniform(0.01, 0.06, data_sets)[:, None]
    found = 0.75 + spread * z + 0.003 * random.standard_normal(z.shape)
    return Memory(
        tuple(lesson(f"x{i}", prints[i], {f"m{k}": found[i, k] for k in range(models)}) for i in range(data_sets))
    )


def test_on_worlds_that_are_as_it_believes_its_intervals_hold_and_its_choice_pays() -> None:
    tests = [backtest(world(seed)) for seed in range(8)]
    assert 0.72 < np.mean([test.covered for test in tests]) < 0.88
    past, average, lot = (
        np.mean([test.cost(name).mean for test in tests]) for name in ("regret", "average_regret", "random_regret")
    )
    assert past < 0.6 * lot
    assert past < 1.05 * average
