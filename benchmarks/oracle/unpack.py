"""Lay the trainings that are packed already into a work folder, so that a recording goes on where another ended.

    python benchmarks/oracle/unpack.py work/ src/anmok/experience/recorded cifar10=photos/cifar10 ...

Refuses a data set whose images, decoded and split here, are not those that the trainings saw.
"""

import argparse
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import polars as pl
from material import read_sources
from pack import BITS, FACTS, ORDER, describe
from record import Task

from anmok.data.atomic import written_whole

EPOCH = ("epoch", "select_accuracy", "test_accuracy", "cpu_seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("packed", type=Path)
    parser.add_argument("data", nargs="+", metavar="name=folder")
    arguments = parser.parse_args()
    trials, epochs, data = (
        pl.read_parquet(arguments.packed / f"{name}.parquet") for name in ("trials", "epochs", "data")
    )
    looks = dict(epochs.sort(*ORDER, "epoch").group_by(ORDER))
    for source in read_sources(arguments.data):
        known = data.row(by_predicate=pl.col("name") == source.name, named=True)
        here = describe(source, arguments.work)
        if any(known[name] != here[name] for name in ("n_train", "n_select", "n_test", "fingerprint")):
            raise SystemExit(f"The packed trainings of {source.name} saw other images than '{source.folder}' gives.")
        for row in trials.filter(pl.col("data") == source.name).iter_rows(named=True):
            task = Task(row["seed"], row["model"], source, row["fraction"])
            path = task.path(arguments.work)
            with written_whole(path) as temporary:
                temporary.write_text(json.dumps(_plain(row) | {"epoch_rows": _looks(looks, row)}))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """As `record.py` wrote it."""
    bits = {name: b64encode(row[name]).decode() for name in BITS}
    return row | bits | {name: json.loads(row[name]) for name in FACTS}


def _looks(looks: dict[tuple[Any, ...], pl.DataFrame], row: dict[str, Any]) -> list[tuple[Any, ...]]:
    return looks[tuple(row[name] for name in ORDER)].select(EPOCH).rows()


if __name__ == "__main__":
    main()
