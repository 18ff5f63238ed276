"""The replays of benchmarks/oracle on the recorded truth that ships with Anmok."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "oracle"))

from anmok_policy import experienced, once
from material import Source, open_images
from policies import BASELINES, one_rung, published, static_prior, train_everything
from record import Clock, Task, record
from replay import Contest, replay
from scores_of_replays import compare, interval, summarise
from truth import RECORDED, Session, Training, Truth, read_truths

from anmok.data import Augmentation
from anmok.experience import Fingerprint

ANY = float("inf")


@pytest.fixture(scope="module")
def truths() -> dict[str, Truth]:
    return read_truths()


@pytest.fixture(scope="module")
def rows(truths) -> pl.DataFrame:
    return replay(Contest(truths, BASELINES, budgets=(0.2, ANY), replays=20))


def trained(accuracy: float, seconds: float) -> Training:
    correct = np.arange(100) < 100 * accuracy
    return Training(
        select_accuracy=accuracy, test_accuracy=accuracy, select_correct=correct, seconds=seconds, epochs=()
    )


def made_up(**accuracies: float) -> Truth:
    """Half of the data costs 1 s and gives half the accuracy; all of it costs 3 s."""
    return Truth(
        data="made up",
        fingerprint=Fingerprint.from_dict(dict.fromkeys(Fingerprint.__dataclass_fields__, 1)),
        kinds=dict.fromkeys(accuracies, "CNN"),
        images={0.5: 50, 1.0: 100},
        trainings={(m, 0.5): (trained(a / 2, 1.0),) for m, a in accuracies.items()}
        | {(m, 1.0): (trained(a, 3.0), trained(a + 0.02, 3.0)) for m, a in accuracies.items()},
    )


def session(truth: Truth, budget: float = ANY, seed: int = 0) -> Session:
    return Session(truth, {}, budget, np.random.default_rng(seed))


def test_regret_is_in_points_to_the_best_mean_over_seeds():
    truth = made_up(a=0.5, b=0.6, c=0.9)
    assert truth.accuracies == pytest.approx({"a": 0.51, "b": 0.61, "c": 0.91})
    assert truth.regret("c") == 0
    assert truth.regret("b") == pytest.approx(30)


def test_every_training_is_paid_for_once_and_a_refused_one_is_free():
    truth = made_up(a=0.5, b=0.6)
    asked = session(truth, budget=0.8)  # of 6 s
    assert asked.train("a", 1.0).seconds == 3
    assert asked.train("b", 1.0) is None  # 6 s > 4.8 s
    assert asked.spent == 3
    assert asked.train("b", 0.5).accuracy == pytest.approx(0.3)
    assert asked.spent == 4


def test_a_repetition_is_another_seed_until_there_is_none():
    asked = session(made_up(a=0.5))
    found = {asked.train("a", 1.0, repetition=i).accuracy for i in range(2)}
    assert found == {0.5, 0.52}
    assert asked.train("a", 1.0, repetition=2) is None
    assert asked.spent == 6


def test_replays_of_one_number_are_equal_and_of_others_are_not():
    truth = made_up(**{f"m{i}": 0.5 for i in range(8)})
    assert session(truth, seed=3).models == session(truth, seed=3).models
    assert session(truth, seed=3).models != session(truth, seed=4).models


def test_training_everything_finds_the_best_of_what_it_sees():
    truth = made_up(a=0.5, b=0.8, c=0.6)
    asked = session(truth)
    assert train_everything(asked).model == "b"
    assert asked.spent == truth.exhaustive == 9


def test_models_drawn_by_lot_are_judged_among_themselves():
    truth = made_up(a=0.5, b=0.6, c=0.9)
    assert truth.only({"a", "b"}).regret("b") == 0
    assert truth.only({"a", "b"}).exhaustive == 6
    contest = Contest({"x": truth}, {"all": train_everything}, budgets=(ANY,), replays=20, models=2)
    rows = replay(contest)
    assert rows["regret"].max() == 0
    assert set(rows["model"]) == {"b", "c"}


def test_a_rung_is_cut_short_by_the_budget():
    asked = session(made_up(a=0.5, b=0.8, c=0.6), budget=2.5 / 9)
    assert one_rung(0.5)(asked).model in asked.models[:2]
    assert asked.spent == 2


def test_the_prior_is_of_other_data_sets_only(truths):
    for data, truth in truths.items():
        past = {"other": made_up(**{m: 0.9 if m == "vgg_nano" else 0.5 for m in truth.kinds})}
        assert static_prior(Session(truth, past, 0.0, np.random.default_rng(0))).model == "vgg_nano", data


def test_fashion_cites_the_catalogue():
    assert published("vgg_nano") == 74.5  # VGG-19, Simonyan and Zisserman 2014, table 3
    assert published("mlp_nano") == 0


def test_the_interval_of_equal_regrets_is_a_point():
    assert interval(np.full((6, 20), 1.5)) == pytest.approx((1.5, 1.5))


def test_the_interval_is_that_of_data_sets_and_replays():
    """With one replay each: the standard error of the mean over data sets, by resampling them."""
    values = np.random.default_rng(0).normal(0, 1, (400, 1))
    low, high = interval(values)
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.1)


def test_no_budget_is_exceeded(rows):
    assert not rows["violated"].any()
    assert rows.filter(pl.col("budget") == 0.2)["share"].max() <= 0.2


def test_what_asks_for_nothing_costs_nothing(rows):
    free = rows.filter(pl.col("policy").is_in(["random", "fashion", "static prior"]))
    assert free["share"].max() == 0


def test_training_everything_costs_all_and_is_hardly_beaten(rows):
    summary = {(row["policy"], row["budget"]): row for row in summarise(rows).iter_rows(named=True)}
    everything = summary["train everything", ANY]
    assert everything["cost"] == pytest.approx(1, abs=0.1)  # seeds differ in seconds
    assert everything["regret"] < summary["random", ANY]["regret"] / 2
    assert summary["one rung, 1/8", ANY]["cost"] < 0.35
    mean, low, high = compare(rows, "random", "train everything", ANY)
    assert 0 < low < mean < high


def test_anmok_keeps_to_its_budget_and_says_how_sure_it_is(truths):
    data, truth = next(iter(truths.items()))
    past = {other: t for other, t in truths.items() if other != data}
    asked, again = (Session(truth, past, 0.2, np.random.default_rng(1)) for _ in range(2))
    policy = once(experienced)
    choice = policy(asked)
    assert 0 < asked.spent <= asked.budget == 0.2 * truth.exhaustive
    assert choice.model in choice.tied
    assert 0 < choice.chance <= 1
    assert all(low < high for low, high in choice.intervals.values())
    assert policy(again) is choice
    assert again.spent == asked.spent


@pytest.fixture
def source(tmp_path) -> Source:
    """Two classes, bright and dark; two of the test images are copies of training images."""
    random = np.random.default_rng(0)
    for split, count in (("train", 60), ("test", 20)):
        for label, level in (("bright", 200), ("dark", 50)):
            folder = tmp_path / "photos" / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(random.normal(level, 30, (40, 36, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
            if split == "train":
                copied = folder / "0.png"
            else:
                (folder / "copy.png").write_bytes(copied.read_bytes())
    return Source(
        name="photos",
        folder=tmp_path / "photos",
        character="",
        train=40,
        augmentation=Augmentation.NONE,
        licence="",
        source="",
    )


def test_a_cut_is_stratified_and_no_square_is_in_two_splits(source, tmp_path):
    images = open_images(source, tmp_path)
    parts = {split: images.rows(split) for split in ("train", "select", "test")}
    assert len(parts["train"]) == 40
    assert np.bincount(images.labels[parts["train"]]).tolist() == [20, 20]
    assert len(np.unique(images.pixels.reshape(len(images.pixels), -1), axis=0)) == len(images.pixels)
    again = open_images(source, tmp_path)
    assert np.array_equal(again.splits, images.splits)


def test_a_training_is_written_down_whole(source, tmp_path):
    images = open_images(source, tmp_path)
    row = record(Task(seed=0, model="mlp_nano", source=source, fraction=1.0), images)
    assert row["kind"] == "MLP"
    assert row["images"] == 40
    epochs, accuracies, tests, seconds = zip(*row["epoch_rows"], strict=True)
    assert epochs == tuple(range(1, 17))
    assert row["epoch_best"] == max(e for e, a in zip(epochs, accuracies, strict=True) if a == max(accuracies))
    assert list(seconds) == sorted(seconds)
    assert seconds[-1] <= row["cpu_seconds"]
    assert all(0 <= accuracy <= 1 for accuracy in tests)


def test_the_clock_counts_no_evaluation():
    clock = Clock()
    with clock.stopped():
        np.linalg.svd(np.random.default_rng(0).normal(size=(300, 300)))
    assert clock.read()[0] < 0.02


def test_what_ships_is_small_and_whole():
    trials, epochs, data = (pl.read_parquet(RECORDED / f"{name}.parquet") for name in ("trials", "epochs", "data"))
    assert sum(path.stat().st_size for path in RECORDED.glob("*.parquet")) < 2_000_000
    assert trials.select("data", "model", "fraction", "seed").is_unique().all()
    for row in trials.join(data, left_on="data", right_on="name").iter_rows(named=True):
        for split in ("select", "test"):
            bits = np.unpackbits(np.frombuffer(row[f"{split}_correct"], np.uint8), count=row[f"n_{split}"])
            assert bits.mean() == pytest.approx(row[f"{split}_accuracy"])
    key = ["data", "model", "fraction", "seed"]
    steps = epochs.sort(*key, "epoch").with_columns(spent=pl.col("cpu_seconds").diff().over(key))
    assert (steps["spent"].drop_nulls() > 0).all()
    full = epochs.filter(pl.col("fraction") == 1).group_by(key).len()
    assert set(full["len"]) == {16}  # every epoch of a training on all of the data
    assert set(epochs.select(key).unique().rows()) == set(trials.select(key).rows())


def test_every_kind_is_recorded(truths):
    assert len(truths) >= 6
    for truth in truths.values():
        assert {"CNN", "Transformer", "hybrid", "MLP"} <= set(truth.kinds.values())
