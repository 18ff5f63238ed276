"""What is wrong with pairs of sentences, and which of them train, select and test."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import polars as pl

from anmok.data.duplicates import exact_groups
from anmok.data.findings import Finding
from anmok.data.imagedata import SPLITS, Split
from anmok.data.parallel_text import ParallelText
from anmok.errors import DataError

SHARE, MOST = 0.1, 2000  # of the sentences, and pairs, that a split takes which the data does not bring
_LOPSIDED, _SHORT = 5, 40  # times as long as the other side, in characters; below so many that says nothing
_RANK: tuple[Split | None, ...] = (None, *SPLITS)  # the later keeps its copy of a sentence that both have


@dataclass(frozen=True, kw_only=True)
class ParallelAudit:
    """Pairs by their ids; sources that differ in case or blanks alone are the same sentence."""

    copies: list[list[int]]  # with the same source
    repeated: int  # pairs that stand there once more, source and target
    leaks: list[list[int]]  # copies in several given splits
    leaked: list[int]  # their members that leave train, or select, for that
    untranslated: list[int]  # pairs of the same text twice
    lopsided: list[int]  # pairs of which one side is far longer


def audit_pairs(text: ParallelText) -> ParallelAudit:
    """Find copies, those that give away what a network is tested on, and pairs that are hardly translations."""
    pairs = text.pairs
    ids, splits = pairs["id"].to_list(), pairs["split"].to_list()
    sources, targets = (_plain(pairs[side]) for side in ("source", "target"))
    copies = exact_groups(ids, sources)
    leaks = [group for group in copies if len({splits[id] for id in group} - {None}) > 1]
    leaked = []
    for group in leaks:
        last = max((splits[id] for id in group), key=_RANK.index)
        leaked += [id for id in group if splits[id] not in (last, None)]
    both = [*zip(sources, targets, strict=True)]
    return ParallelAudit(
        copies=copies,
        repeated=len(both) - len(set(both)),
        leaks=leaks,
        leaked=sorted(leaked),
        untranslated=[id for id, (source, target) in zip(ids, both, strict=True) if source == target],
        lopsided=[id for id, pair in zip(ids, both, strict=True) if _is_lopsided(*map(len, pair))],
    )


def split_pairs(text: ParallelText, audit: ParallelAudit, *, seed: int) -> pl.DataFrame:
    """Complete the given splits: the pairs, all with a split but those that leaked, which have none.

    A missing test split, then a missing select split, takes a tenth of the sentences that are left, and 2,000 at
    most; copies stay together. Raises `DataError` where nothing is left to learn from.
    """
    given = text.pairs["split"].to_list()
    leaked = set(audit.leaked)
    copies = [[id for id in group if id not in leaked] for group in audit.copies]
    single = {*text.pairs["id"]} - leaked - {id for unit in copies for id in unit}
    found: list[str | None] = [None] * len(given)
    pool = []
    for unit in [unit for unit in copies if unit] + [[id] for id in sorted(single)]:
        # A copy in a given split draws those without one into it.
        split = next((given[id] for id in unit if given[id] is not None), None)
        if split in (None, "train"):
            pool.append(unit)
        for id in unit:
            found[id] = split or "train"
    order = np.random.default_rng(seed).permutation(len(pool)).tolist()
    for split in ("test", "select"):
        if split not in found:
            count = min(MOST, max(1, round(SHARE * len(order))))
            chosen, order = order[:count], order[count:]
            for id in (id for number in chosen for id in pool[number]):
                found[id] = split
    if not order:
        raise DataError(
            f"A translator learns from some pairs, and is tested on others: '{text.name}' has {len(given):,}, of which "
            "none is left to learn from. Add pairs."
        )
    return text.pairs.with_columns(split=pl.Series(found, dtype=pl.String))


def find_in_pairs(text: ParallelText, audit: ParallelAudit, pairs: pl.DataFrame) -> list[Finding]:
    """What a user should know, one sentence each, the most harmful first; `pairs` are those with their splits."""
    warnings = (_leaks(audit), _repeated(audit), _untranslated(text, audit), _lopsided(text, audit))
    return [Finding("warning", text) for text in warnings if text] + [Finding("info", text) for text in _facts(pairs)]


def _plain(sentences: pl.Series) -> list[str]:
    return [" ".join(sentence.casefold().split()) for sentence in sentences]


def _is_lopsided(one: int, other: int) -> bool:
    return max(one, other) >= _SHORT and max(one, other) > _LOPSIDED * min(one, other)


def _leaks(audit: ParallelAudit) -> str:
    if not audit.leaks:
        return ""
    count = _count(len(audit.leaks), "sentence stands", "sentences stand")
    pairs = _count(len(audit.leaked), "pair", "pairs")
    return f"{count} in more than one given split: {pairs} will leave train or select, and test stays whole."


def _repeated(audit: ParallelAudit) -> str:
    if not audit.repeated:
        return ""
    return f"{_count(audit.repeated, 'pair is a copy', 'pairs are copies')} of another; copies share a split."


def _untranslated(text: ParallelText, audit: ParallelAudit) -> str:
    if not audit.untranslated:
        return ""
    count = _count(len(audit.untranslated), "pair has", "pairs have")
    return f"{count} the same text on both sides, first {_place(text, audit.untranslated)}: are they translated?"


def _lopsided(text: ParallelText, audit: ParallelAudit) -> str:
    if not audit.lopsided:
        return ""
    count = _count(len(audit.lopsided), "pair has", "pairs have")
    return (
        f"{count} a side over {_LOPSIDED} times as long as the other, first {_place(text, audit.lopsided)}: "
        "do the lines belong together?"
    )


def _facts(pairs: pl.DataFrame) -> Iterator[str]:
    sizes = ", ".join(f"{(pairs['split'] == split).sum():,} {split}" for split in SPLITS)
    yield f"{len(pairs):,} pairs: {sizes}."
    one, other = (sorted(len(sentence.split()) for sentence in pairs[side]) for side in ("source", "target"))
    yield (
        f"Sentences have up to {one[-1]:,} words (median {median(one):g}), their translations up to {other[-1]:,} "
        f"(median {median(other):g})."
    )


def _place(text: ParallelText, ids: Sequence[int]) -> str:
    return str(text.pairs["place"][ids[0]])


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
