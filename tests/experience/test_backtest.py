import pytest

from anmok.experience import Memory, backtest
from recorded_past import DIGITS, PHOTOS, lesson, near

UP = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}
DOWN = dict(zip(UP, reversed(UP.values()), strict=True))


def two_characters() -> Memory:
    photos = [lesson(f"photos{i}", near(PHOTOS, i), UP) for i in range(4)]
    digits = [lesson(f"digits{i}", near(DIGITS, i), DOWN) for i in range(3)]
    return Memory((*photos, *digits))


def test_where_likeness_decides_the_past_is_right_and_the_average_is_not() -> None:
    found = backtest(two_characters())
    assert len(found.replays) == 7
    assert {r.choice for r in found.replays if r.data.startswith("photos")} == {"a"}
    assert {r.choice for r in found.replays if r.data.startswith("digits")} == {"d"}
    assert found.cost("regret") == (0, 0)
    assert found.cost("shortlist_regret") == (0, 0)
    assert found.cost("average_regret").worst == pytest.approx(0.3)
    assert found.cost("random_regret") == pytest.approx((0.15, 0.15))


def test_a_regret_is_what_the_choice_loses_to_the_best() -> None:
    odd = lesson("odd", near(PHOTOS, 2), {"a": 0.70, "b": [0.73, 0.77], "c": 0.9, "d": 0.1})
    (replay,) = (r for r in backtest(Memory((*two_characters().lessons, odd))).replays if r.data == "odd")
    assert (replay.best, replay.choice, replay.average_choice, replay.models) == ("c", "a", "a", 4)
    assert replay.regret == pytest.approx(0.2)
    assert replay.shortlist_regret == 0
    assert replay.random_regret == pytest.approx(0.9 - (0.7 + 0.75 + 0.9 + 0.1) / 4)
    assert 0 <= replay.covered <= 1


def test_every_run_on_a_data_set_is_forgotten_with_it() -> None:
    twice = [lesson("photos", PHOTOS, DOWN, shipped=shipped) for shipped in (True, False)]
    others = [lesson(f"x{i}", near(PHOTOS, i), UP) for i in range(3)]
    replays = [r for r in backtest(Memory((*twice, *others))).replays if r.data == "photos"]
    assert [(r.choice, r.best) for r in replays] == [("a", "d")]


def test_one_data_set_or_two_models_are_no_test() -> None:
    assert backtest(Memory((lesson("x", PHOTOS, UP), lesson("x", PHOTOS, UP)))).replays == ()
    pairs = [lesson(f"x{i}", near(PHOTOS, i), {"a": 0.9, "b": 0.8}) for i in range(3)]
    assert backtest(Memory(tuple(pairs))).replays == ()
    assert backtest(Memory(())).replays == ()
