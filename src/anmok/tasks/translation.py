"""A text for a text."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import torch
from jaxtyping import Int
from torch import nn

from anmok import backbone
from anmok.backbone import Translator
from anmok.backbone.sequence import END
from anmok.catalogue import create_network
from anmok.data import BatchSource, Finding, Split
from anmok.data.parallel_audit import audit_pairs, find_in_pairs, split_pairs
from anmok.data.parallel_text import load_parallel_text, read_lines
from anmok.errors import DataError, RequestError
from anmok.tasks.alignment_picture import draw_alignment
from anmok.tasks.decoding import translate
from anmok.tasks.section import Picture
from anmok.tasks.subwords import Subwords
from anmok.tasks.task import Answer, Problem, Task, Tested
from anmok.tasks.translation_scores import Translations, tested
from anmok.tasks.translation_training import PairBatches, TranslationTraining, as_sources, as_targets
from anmok.training.recipe import Recipe

LONGEST = 256  # subwords of either side of a pair that is learnt from
BEAM, LENGTH_PENALTY = 4, 0.6  # Vaswani et al. 2017, sec. 6.1
_BATCH = 64  # texts that are translated at once
_DRAWN, _FITTING = 2, 12  # sentences whose alignment is drawn: those with about so many subwords


class Translation(Problem):
    """Pairs of sentences, as the numbers of their subwords."""

    def __init__(
        self, name: str, languages: tuple[str, str], pairs: pl.DataFrame, subwords: Subwords, findings: list[Finding]
    ) -> None:
        self.name, self.splits, self.training_task = name, pairs, TranslationTraining()
        self._languages, self._subwords = languages, subwords
        self._sources, self._targets = (subwords.encode(pairs[side].to_list()) for side in ("source", "target"))
        long = int((self._lengths() > LONGEST).sum())
        if long:
            count = "1 pair has" if long == 1 else f"{long:,} pairs have"
            findings = [Finding("warning", f"{count} over {LONGEST} subwords, too many to learn from."), *findings]
        self._findings = findings

    def findings(self) -> Sequence[Finding]:
        """Those of the audit, and what is not learnt from."""
        return self._findings

    def config(self) -> dict[str, Any]:
        """The languages, and the vocabulary of both as its library writes it."""
        return {"languages": list(self._languages), "subwords": self._subwords.config()}

    def batches(self, *splits: Split, recipe: Recipe, seed: int | None) -> BatchSource:
        """Pairs of similar length together."""
        rows = self.rows(*splits)
        if seed is not None:
            rows = rows[self._lengths()[rows] <= LONGEST]
        return PairBatches(self._sources, self._targets, rows, batch_size=recipe.batch_size, seed=seed)

    def test(self, network: nn.Module, split: Split | None, device: torch.device) -> Tested:
        """BLEU and chrF with their intervals, BLEU by the length of the source, alignments, and some translations."""
        rows = self.rows(split) if split else np.arange(len(self.splits))
        drawn = sorted(rows.tolist(), key=lambda row: abs(len(self._sources[row]) - _FITTING))[:_DRAWN]
        pictures = [self.alignment(network, row, device) for row in drawn]
        return tested(self.translations(network, split, device), [picture for picture in pictures if picture])

    def translations(self, network: nn.Module, split: Split | None, device: torch.device) -> Translations:
        """What the network makes of every source of a split, or of all."""
        rows = self.rows(split) if split else np.arange(len(self.splits))
        if not len(rows):
            raise DataError(f"There are no {split} pairs in '{self.name}'. Name another split, or none.")
        found = _translated(network, [self._sources[row] for row in rows.tolist()], device)
        sources, references = (self.splits[side].gather(rows).to_list() for side in ("source", "target"))
        return Translations(self._languages[1], sources, references, self._subwords.decode(found))

    def alignment(self, network: nn.Module, row: int, device: torch.device) -> Picture | None:
        """Where the network looks while it writes its translation of a pair's source; None where it cannot look."""
        given = self._sources[row]
        (found,) = _translated(network, [given], device)
        with torch.inference_mode():
            weights = cast(Translator, network).alignment(
                as_sources([given]).to(device), as_targets([found])[:, :-1].to(device)
            )
        if weights is None:
            return None
        source, target = (self._subwords.pieces([*ids, END]) for ids in (given, found))
        return Picture(
            caption=f"{self.splits['source'][row]} → {self._subwords.decode([found])[0]}",
            svg=draw_alignment(weights[0].float().cpu(), source, target),
        )

    def _lengths(self) -> Int[np.ndarray, " n"]:
        pairs = zip(self._sources, self._targets, strict=True)
        return np.array([max(len(source), len(target)) for source, target in pairs], dtype=np.int64)


def open_pairs(path: Path, seed: int) -> Translation:
    """Read, audit and split a user's pairs; the vocabulary is that of the pairs that train."""
    text = load_parallel_text(path)
    audit = audit_pairs(text)
    pairs = split_pairs(text, audit, seed=seed)
    learned = pairs.filter(pl.col("split") == "train")
    subwords = Subwords.learn([*learned["source"], *learned["target"]])
    return Translation(text.name, text.languages, pairs, subwords, find_in_pairs(text, audit, pairs))


def reopen_pairs(path: Path, config: Mapping[str, Any]) -> Translation:
    """Read further pairs for a trained network, whose way they go."""
    languages = (str(config["languages"][0]), str(config["languages"][1]))
    text = load_parallel_text(path, languages)
    findings = find_in_pairs(text, audit_pairs(text), text.pairs)
    return Translation(text.name, languages, text.pairs, Subwords.from_config(config["subwords"]), findings)


def build_translator(
    name: str,
    config: Mapping[str, Any],
    recipe: Recipe,
    pretrained: bool | str | Path,  # noqa: FBT001 - as in create_model
) -> Translator:
    """A preset for the vocabulary."""
    if pretrained:
        raise RequestError(f"There are no weights of '{name}' to start from. Leave pretrained out.")
    size = len(Subwords.from_config(config["subwords"]))
    sizes = {"source_vocabulary": size, "target_vocabulary": size}
    network: Translator = create_network(name, sizes, drop_rate=recipe.drop_rate)
    return network


def answer_texts(network: nn.Module, config: Mapping[str, Any], asked: Sequence[str], folder: Path) -> Iterator[Answer]:
    """The translation of each text, or of each line of a .txt file."""
    device = next(network.parameters()).device
    subwords = Subwords.from_config(config["subwords"])
    texts = [line for one in asked for line in _lines_of(one)]
    for first in range(0, len(texts), _BATCH):
        some = texts[first : first + _BATCH]
        found = _translated(network, subwords.encode(some), device)
        yield from (Answer(*each) for each in zip(some, subwords.decode(found), strict=True))


def _translated(network: nn.Module, sources: Sequence[list[int]], device: torch.device) -> list[list[int]]:
    """In the order of the sources; those of similar length are translated together."""
    translator = cast(Translator, network.eval())
    order = sorted(range(len(sources)), key=lambda i: -len(sources[i]))
    found: list[list[int]] = [[] for _ in sources]
    for first in range(0, len(order), _BATCH):
        some = order[first : first + _BATCH]
        batch = as_sources([sources[i] for i in some]).to(device)
        for i, ids in zip(some, translate(translator, batch, beam=BEAM, length_penalty=LENGTH_PENALTY), strict=True):
            found[i] = ids
    return found


def _lines_of(asked: str) -> list[str]:
    lines = read_lines(Path(asked)) if asked.endswith(".txt") else [asked]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            where = f"line {number:,} of '{asked}' is empty" if asked.endswith(".txt") else f"got '{asked}'"
            raise DataError(f"A text has words: {where}. Leave it out.")
    return lines


TASK = Task(
    task=backbone.Task.TRANSLATION,
    recipe="translation",
    open=open_pairs,
    reopen=reopen_pairs,
    build=build_translator,
    answer=answer_texts,
)
