"""Who trains, who selects, who is tested on: the rows of `splits.parquet`."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from io import BytesIO
from itertools import chain
from math import ceil
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int

from anmok.data.atomic import written_whole
from anmok.data.cut import Cut, Unit
from anmok.data.duplicates import components
from anmok.data.findings import Audit
from anmok.data.imagedata import ImageData
from anmok.errors import DataError, RequestError

TEST = Cut(split="test", share=0.2, least=1, keep=2)  # of the images that no split was given for, or train
SELECT = Cut(split="select", share=0.2, least=2, keep=1)  # of the images that are left


def make_splits(data: ImageData, audit: Audit, *, seed: int) -> pl.DataFrame:
    """Complete the given splits: columns id, path, label, split, group; one row per image that is used.

    Given splits are kept, without the images that the audit found unreadable or leaked. A missing test split
    takes 20 % of the training images, a missing select split 20 % of the rest, each class alike. Duplicates
    and user groups stay together, which can move a class away from these shares.

    Raises
    ------
    DataError
        A group lies in two given splits, or a class has no image to train on.

    """
    left_out = [*(bad.id for bad in audit.unreadable), *audit.leaked]
    rows = data.samples.filter(~pl.col("id").is_in(left_out))
    _check_groups(data, rows)
    labels, given = rows["label"].to_list(), rows["split"].to_list()
    splits = complete_splits(given, labels, _units(rows, audit), seed=seed)
    _check_train(data, labels, splits)
    return rows.with_columns(split=pl.Series(splits, dtype=pl.String)).drop_nulls("split")


def complete_splits(
    given: list[str | None], labels: Sequence[int], units: list[Unit], *, seed: int
) -> list[str | None]:
    """A split for each row, as `make_splits` says; `units` are the rows that must share one, each row in one unit.

    What is left without a split joins rows of two given splits, and so can be in neither.
    """
    splits, pool = _placed(given, units)
    random = np.random.default_rng(seed)
    for cut in (TEST, SELECT):
        if cut.split not in given:
            chosen, pool = cut.apply(pool, labels, random)
            for row in chain.from_iterable(chosen):
                splits[row] = cut.split
    for row in chain.from_iterable(pool):
        splits[row] = "train"
    return splits


def expected_select(given: Sequence[str | None]) -> int:
    """How many images `make_splits` will put into the select split, about."""
    counts = Counter(given)
    if counts["select"]:
        return counts["select"]
    pool = counts["train"] + counts[None]
    if not counts["test"]:
        pool -= round(TEST.share * pool)
    return round(SELECT.share * pool)


def write_splits(splits: pl.DataFrame, path: Path) -> None:
    """Write the table; the file is there whole or not at all.

    Raises
    ------
    OSError
        The file cannot be written, for instance because the disk is full.

    """
    buffer = BytesIO()
    splits.write_parquet(buffer)
    with written_whole(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read_splits(path: Path) -> pl.DataFrame:
    """Read a table of `write_splits`.

    Raises
    ------
    DataError
        The file is missing or damaged.

    """
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"The splits '{path}' cannot be read: {error}. Delete the file to split again.") from error


def nested_fraction(
    ids: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"], fraction: float, seed: int
) -> Int[np.ndarray, " m"]:
    """Choose a stratified part of the ids, in rising order; a smaller part lies inside each larger one.

    Each class has one order that depends on the seed alone, of which the first ceil(fraction * n) are taken:
    at least one image per class.
    """
    if not 0 < fraction <= 1:
        raise RequestError(f"A fraction of the data lies in (0, 1]: got {fraction}. Give e.g. 0.25.")
    parts = []
    for label in np.unique(labels):
        members = np.sort(ids[labels == label])
        order = np.random.default_rng((seed, int(label))).permutation(members)
        parts.append(order[: ceil(fraction * len(order) - 1e-9)])  # 0.1 * 30 is a little more than 3
    return np.sort(np.concatenate(parts))


def _units(rows: pl.DataFrame, audit: Audit) -> list[Unit]:
    """Row numbers that must share a split, each row in exactly one unit."""
    row_of = {id: row for row, id in enumerate(rows["id"])}
    same_group: defaultdict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(rows["group"]):
        if group is not None:
            same_group[group].append(row)
    duplicates = chain(audit.exact_duplicates, audit.near_duplicates)
    copies = ([row_of[id] for id in group if id in row_of] for group in duplicates)
    return components([*([row] for row in row_of.values()), *filter(None, copies), *same_group.values()])


def _placed(given: list[str | None], units: list[Unit]) -> tuple[list[str | None], list[Unit]]:
    """Let rows without a split join their unit; the second result may still be cut."""
    splits, pool = list(given), []
    for unit in units:
        owners = {split for row in unit if (split := given[row])}
        if owners <= {"train"}:
            pool.append(unit)
        elif len(owners) == 1:
            for row in unit:
                splits[row] = min(owners)
    return splits, pool


def _check_groups(data: ImageData, rows: pl.DataFrame) -> None:
    given = rows.drop_nulls(["group", "split"]).group_by("group").agg(pl.col("split").unique().sort())
    for group, splits in given.sort("group").iter_rows():
        if len(splits) > 1:
            raise DataError(
                f"A group stays in one split: '{group}' of '{data.name}' is in {' and '.join(splits)}. "
                "Give all its images the same split."
            )


def _check_train(data: ImageData, labels: list[int], splits: list[str | None]) -> None:
    trained = {label for label, split in zip(labels, splits, strict=True) if split == "train"}
    for label, name in enumerate(data.classes):
        if label not in trained:
            raise DataError(
                f"Each class needs images to train on: '{name}' of '{data.name}' has none outside its given "
                "select and test splits. Move some of its images to train."
            )
