"""How far apart do trainings with other seeds lie? What `anmok.selection.curves.NOISE` says, estimated from the table.

    python benchmarks/oracle/noise.py [--table src/anmok/experience/recorded]

From the test answers of models that were recorded with two seeds or more. The variance of their accuracies, less what
the images alone make of it, is `order`^2 + `sampling`^2 (1/n - 1/N)^(1/2) for n of N training images; both are fitted
by least squares, and again without each data set in turn: what one data set changes is not known better than that.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from truth import RECORDED

from anmok.selection.curves import NOISE


class Scatter(NamedTuple):
    """What trainings with other seeds differ in; variances as they would be at p = 1/2."""

    data: str
    fraction: float
    reach: float  # (1/n - 1/N)^(1/2)
    seed: float  # variance of the accuracy over seeds
    lasting: float  # share of the images' own variance that another seed does not change
    flattery: float  # select minus test accuracy, in standard errors of the select split


class Estimate(NamedTuple):
    """The constants."""

    order: float
    sampling: float
    lasting: float
    alike: float
    flattery: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=RECORDED)
    table = parser.parse_args().table
    found, agreed = list(scatter(table)), agreement(table)
    for fraction in sorted({s.fraction for s in found}):
        own = [s for s in found if s.fraction == fraction]
        deviation = np.sqrt(max(np.mean([s.seed for s in own]), 0.0))
        print(f"{fraction:.4f} of the images, {len(own)} models: {100 * deviation:.1f} points from seed to seed")
    print("known    ", Estimate(NOISE.order, NOISE.sampling, NOISE.lasting, NOISE.alike, NOISE.flattery))
    print("estimated", fit(found, agreed))
    for data in agreed:
        rest = {name: share for name, share in agreed.items() if name != data}
        print(f"without {data}:", fit([s for s in found if s.data != data], rest))


def scatter(folder: Path) -> Iterator[Scatter]:
    """One of every model and fraction with several seeds."""
    trials, data = (pl.read_parquet(folder / f"{name}.parquet") for name in ("trials", "data"))
    whole = trials.join(data.select("name", "n_train", "n_select", "n_test"), left_on="data", right_on="name")
    for (name, _, fraction), own in whole.group_by("data", "model", "fraction", maintain_order=True):
        if len(own) < 2:
            continue
        first = own.row(0, named=True)
        answers = np.stack([_bits(row, first["n_test"]) for row in own["test_correct"]])
        p = answers.mean()
        gap = float((own["select_accuracy"] - own["test_accuracy"]).mean())  # type: ignore[arg-type]
        yield Scatter(
            data=str(name),
            fraction=float(fraction),  # type: ignore[arg-type]
            reach=np.sqrt(1 / first["images"] - 1 / first["n_train"]),
            seed=seed_variance(answers) / (4 * p * (1 - p)),
            lasting=1 - answers.var(0, ddof=1).mean() / (p * (1 - p)),
            flattery=gap / np.sqrt(p * (1 - p) / first["n_select"]),
        )


def agreement(folder: Path) -> dict[str, float]:
    """By data set, the mean correlation of two models' right answers, each trained once on all images."""
    trials, data = (pl.read_parquet(folder / f"{name}.parquet") for name in ("trials", "data"))
    count, found = dict(data.select("name", "n_test").iter_rows()), {}
    for (name,), own in trials.filter(fraction=1, seed=0).group_by("data", maintain_order=True):
        answers = np.stack([_bits(row, count[name]) for row in own["test_correct"]])
        found[str(name)] = float(np.corrcoef(answers)[~np.eye(len(answers), dtype=bool)].mean())
    return found


def seed_variance(answers: np.ndarray) -> float:
    """Of the accuracy (seeds, images) on endlessly many images: each image adds what it varies from seed to seed."""
    return float(answers.mean(1).var(ddof=1) - answers.var(0, ddof=1).mean() / answers.shape[1])


def fit(found: list[Scatter], agreed: Mapping[str, float]) -> Estimate:
    """Least squares with neither variance below 0; flattery where all epochs were looked at, on all images."""
    reach, seed = np.array([(s.reach, s.seed) for s in found]).T
    best = np.linalg.lstsq(np.stack([np.ones_like(reach), reach], 1), seed, rcond=None)[0]
    if best[0] < 0:
        best = np.array([0.0, (reach @ seed) / (reach @ reach)])
    order, sampling = np.sqrt(np.maximum(best, 0.0))
    whole = [s for s in found if s.fraction == 1]
    lasting = np.mean([s.lasting for s in whole])
    return Estimate(
        order=round(float(order), 4),
        sampling=round(float(sampling), 4),
        lasting=round(float(lasting), 3),
        alike=round(float(np.mean(list(agreed.values())) / lasting), 3),
        flattery=round(float(np.mean([s.flattery for s in whole])), 3),
    )


def _bits(packed: bytes, count: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=count).astype(float)


if __name__ == "__main__":
    main()
