"""A user's labelled texts: listed, audited, split."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import polars as pl

from anmok.data.duplicates import components, exact_groups
from anmok.data.findings import IMBALANCE, TINY_CLASS, Finding, resolvable_difference
from anmok.data.imagedata import list_samples
from anmok.data.splits import complete_splits
from anmok.data.text_rows import KINDS, Row, read_rows
from anmok.errors import DataError

_RANK = (None, "train", "select", "test")  # the later keeps its copy of a text that both have


@dataclass(frozen=True, kw_only=True)
class TextData:
    """Labelled texts, listed.

    `samples` has a row for each: `id` (row number), `path` (file and line), `text`, `label` (an index into the sorted
    names of `classes`) and `split` (null, train, select or test). Texts without words or label are left out of it.
    """

    name: str
    classes: tuple[str, ...]
    samples: pl.DataFrame
    empty: tuple[str, ...] = ()  # where texts without words stand
    strays: tuple[str, ...] = ()  # and those without a label


@dataclass(frozen=True, kw_only=True)
class TextAudit:
    """What is wrong with texts, by their ids; those that differ in case or blanks alone are copies."""

    copies: list[list[int]]
    conflicts: list[list[int]]  # copies with different labels
    leaks: list[list[int]]  # copies in several given splits
    leaked: list[int]  # their members that leave train, or select, for that


def load_texts(path: Path, classes: Sequence[str] | None = None) -> TextData:
    """List the labelled texts of a file or folder, of all classes or of those that a network knows.

    Raises `DataError` where there is nothing to learn from, or a class that is not known.
    """
    rows = list(read_rows(path))
    named = [(row, row.label) for row in rows if row.text and row.label is not None]
    if not named:
        raise DataError(f"A data set needs texts with labels: '{path}' has none. {KINDS}")
    labels = [label for _, label in named]
    found, samples = list_samples([row.place for row, _ in named], labels, splits=[row.split for row, _ in named])
    if classes is not None:
        _check_known(named, classes)
        samples = samples.with_columns(label=pl.Series([classes.index(label) for label in labels], dtype=pl.Int64))
    data = TextData(
        name=path.stem if path.is_file() else path.resolve().name,
        classes=found if classes is None else tuple(classes),
        samples=samples.drop("group").with_columns(text=pl.Series([row.text for row, _ in named], dtype=pl.String)),
        empty=tuple(row.place for row in rows if not row.text),
        strays=tuple(row.place for row in rows if row.text and row.label is None),
    )
    if classes is None:
        _check_classes(data)
    return data


def audit_texts(data: TextData) -> TextAudit:
    """Find copies, those that contradict one another, and those that give away what a network is tested on."""
    ids, labels, splits = (data.samples[column].to_list() for column in ("id", "label", "split"))
    copies = exact_groups(ids, [" ".join(text.casefold().split()) for text in data.samples["text"]])
    leaks = [group for group in copies if len({splits[id] for id in group} - {None}) > 1]
    leaked = []
    for group in leaks:
        last = max((splits[id] for id in group), key=_RANK.index)
        leaked += [id for id in group if splits[id] not in (last, None)]
    conflicts = [group for group in copies if len({labels[id] for id in group}) > 1]
    return TextAudit(copies=copies, conflicts=conflicts, leaks=leaks, leaked=sorted(leaked))


def split_texts(data: TextData, audit: TextAudit, *, seed: int) -> TextData:
    """Complete the given splits; copies that leaked have none.

    A missing test split takes 20 % of the training texts, a missing select split 20 % of the rest, each class alike;
    copies stay together.
    """
    leaked = set(audit.leaked)
    kept = data.samples.filter(~pl.col("id").is_in(audit.leaked))
    row_of = {id: row for row, id in enumerate(kept["id"])}
    copies = ([row_of[id] for id in group if id not in leaked] for group in audit.copies)
    units = components([*([row] for row in row_of.values()), *copies])
    found = complete_splits(kept["split"].to_list(), kept["label"].to_list(), units, seed=seed)
    split_of = dict(zip(row_of, found, strict=True))
    splits = pl.Series([split_of.get(id) for id in data.samples["id"]], dtype=pl.String)
    split = replace(data, samples=data.samples.with_columns(split=splits))
    _check_train(split)
    return split


def find_in_texts(data: TextData, audit: TextAudit, *, longest: int) -> list[Finding]:
    """What a user should know, one sentence each, the most harmful first; `longest` words of a text are read."""
    warnings = (
        _left_out(data.empty, "is empty", "are empty"),
        _left_out(data.strays, "has no label", "have no label"),
        _conflicts(audit),
        _leaks(audit),
        _copies(audit),
        *_sizes(data),
    )
    facts = _facts(data, longest)
    return [Finding("warning", text) for text in warnings if text] + [Finding("info", text) for text in facts]


def _check_known(named: Sequence[tuple[Row, str]], classes: Sequence[str]) -> None:
    unknown = next(((row.place, label) for row, label in named if label not in classes), None)
    if unknown:
        place, label = unknown
        listed = ", ".join(classes[:5]) + (f" and {len(classes) - 5:,} more" if len(classes) > 5 else "")
        raise DataError(f"The network knows the classes {listed}: {place} has '{label}'. Rename the label.")


def _check_classes(data: TextData) -> None:
    counts = Counter(data.samples["label"])
    if len(counts) < 2:
        raise DataError(
            f"A choice needs at least two classes: '{data.name}' has only '{data.classes[0]}'. "
            "Add texts of another class."
        )
    small = [f"'{data.classes[label]}'" for label, count in sorted(counts.items()) if count < 2]
    if small:
        others = f" and {len(small) - 3} others" if len(small) > 3 else ""
        raise DataError(
            f"Each class needs at least 2 texts: {', '.join(small[:3])}{others} {'has' if len(small) == 1 else 'have'} "
            f"1. Add texts or remove the class."
        )


def _check_train(data: TextData) -> None:
    trained = set(data.samples.filter(pl.col("split") == "train")["label"])
    for label, name in enumerate(data.classes):
        if label not in trained:
            raise DataError(
                f"Each class needs texts to train on: '{name}' of '{data.name}' has none outside its given select and "
                "test splits. Move some of its texts to train."
            )


def _left_out(places: tuple[str, ...], one: str, many: str) -> str:
    if not places:
        return ""
    them = f"text {one} and is" if len(places) == 1 else f"texts {many} and are"
    return f"{len(places):,} {them} left out, first {places[0]}."


def _conflicts(audit: TextAudit) -> str:
    if not audit.conflicts:
        return ""
    return (
        f"{_texts(len(audit.conflicts), 'appears', 'appear')} under more than one label "
        f"({sum(map(len, audit.conflicts)):,} times in all): no model can get all of these right."
    )


def _leaks(audit: TextAudit) -> str:
    if not audit.leaks:
        return ""
    copies = f"{len(audit.leaked):,} {'copy' if len(audit.leaked) == 1 else 'copies'}"
    return (
        f"{_texts(len(audit.leaks), 'appears', 'appear')} in more than one given split: {copies} will leave train or "
        "select, and test stays whole."
    )


def _copies(audit: TextAudit) -> str:
    if not audit.copies:
        return ""
    count = sum(len(group) - 1 for group in audit.copies)
    return f"{_texts(count, 'is a copy', 'are copies')} of another; copies will share a split."


def _sizes(data: TextData) -> Iterator[str]:
    counts = {data.classes[label]: count for label, count in sorted(Counter(data.samples["label"]).items())}
    tiny = [f"'{name}' ({count})" for name, count in counts.items() if count < TINY_CLASS]
    if tiny:
        listed = ", ".join(tiny[:3]) + (f" and {len(tiny) - 3:,} more" if len(tiny) > 3 else "")
        them = "class has" if len(tiny) == 1 else "classes have"
        yield f"{len(tiny):,} {them} fewer than {TINY_CLASS} texts: {listed}."
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[most] >= IMBALANCE * counts[least]:
        yield f"Class '{most}' has {counts[most] / counts[least]:.1f} times as many texts as '{least}'."


def _facts(data: TextData, longest: int) -> Iterator[str]:
    counts = Counter(data.samples["label"]).values()
    lengths = [len(text.split()) for text in data.samples["text"]]
    yield f"{len(data.samples):,} texts in {len(counts)} classes of {min(counts):,} to {max(counts):,}."
    cut = sum(length > longest for length in lengths)
    rest = f"; {_texts(cut, 'is', 'are')} read up to the first {longest}" if cut else ""
    yield f"Texts have {min(lengths):,} to {max(lengths):,} words (median {median(lengths):,.0f}){rest}."
    select = len(data.samples.filter(pl.col("split") == "select"))
    if select:
        yield (
            f"With {select:,} texts to compare models on, accuracies that differ by less than "
            f"{resolvable_difference(select):.1f} points cannot be told apart (if two models disagree on 10 % of them)."
        )


def _texts(number: int, one: str, many: str) -> str:
    return f"{number:,} {f'text {one}' if number == 1 else f'texts {many}'}"
