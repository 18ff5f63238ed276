"""How good translations are: BLEU and chrF by sacreBLEU, and what the report shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import numpy as np

from anmok.catalogue.makers import require_package
from anmok.evaluation.measurements import Measurement
from anmok.tasks.section import Picture, Section
from anmok.tasks.task import Tested

RESAMPLES = 1000  # of the bootstrap
_QUANTILES = (0.2, 0.4, 0.6, 0.8, 0.95)  # of the sources' lengths, between groups
_SAMPLES = 12  # translations that are shown
_LETTERS = 300  # of a sentence
_TOKENIZERS = {"zh": "zh", "ja": "char", "ko": "char"}  # of sacreBLEU, for languages without blanks between words


@dataclass(frozen=True)
class Translations:
    """Sentences, what people made of them, and what a network did."""

    language: str  # of the translations
    sources: Sequence[str]
    references: Sequence[str]
    found: Sequence[str]

    def of_length(self, low: int, high: int) -> "Translations":
        """Those of sources with so many words, both counted in."""
        chosen = [i for i, source in enumerate(self.sources) if low <= len(source.split()) <= high]
        parts = ([part[i] for i in chosen] for part in (self.sources, self.references, self.found))
        return Translations(self.language, *parts)


@dataclass(frozen=True)
class CorpusScore:
    """A score of many sentences at once, in points of 100, with its 95 % interval over sentences."""

    value: float
    low: float | None
    high: float | None
    signature: str  # all that has to be equal where scores are compared


def bleu(translations: Translations) -> CorpusScore:
    """Papineni et al. 2002, as Post 2018, arXiv:1804.08771, has it."""
    tokenize = _TOKENIZERS.get(translations.language[:2].lower(), "13a")
    return _score(require_package("sacrebleu", "translation").metrics.BLEU(tokenize=tokenize), translations)


def chrf(translations: Translations) -> CorpusScore:
    """F-score of runs of letters, recall counting double (Popovic 2015)."""
    return _score(require_package("sacrebleu", "translation").metrics.CHRF(), translations)


def _score(metric: Any, translations: Translations) -> CorpusScore:
    texts = list(translations.found), [list(translations.references)]
    try:
        found = metric.corpus_score(*texts, n_bootstrap=RESAMPLES)
    except TypeError:  # sacreBLEU 2.6 cannot take the mean of its resamples where chrF is 0 in some of them
        found = metric.corpus_score(*texts)
        return CorpusScore(float(found.score), None, None, str(metric.get_signature()))
    value, mean, half = min(float(found.score), 100.0), float(found._mean), float(found._ci)
    low, high = max(0.0, min(mean - half, value)), min(100.0, max(mean + half, value))
    return CorpusScore(value, low, high, str(metric.get_signature()))


def tested(translations: Translations, pictures: Sequence[Picture]) -> Tested:
    """Rows of BLEU and chrF; BLEU by the length of the source, alignments, some translations."""
    rows = [
        Measurement(
            subject="",
            metric=metric,
            value=score.value,
            low=score.low,
            high=score.high,
            n=len(translations.found),
            note=score.signature,
        )
        for metric, score in (("test_bleu", bleu(translations)), ("test_chrf", chrf(translations)))
    ]
    sections = [_by_length(translations), _samples(translations)]
    if pictures:
        text = "How much each word that was written (row) looked at each of the source (column): the darker, the more."
        sections.insert(1, Section(title="Alignment", text=text, pictures=tuple(pictures)))
    return Tested(rows, sections)


def lengths_apart(translations: Translations) -> list[tuple[int, int]]:
    """Groups of lengths, shortest and longest source of each in words; the last is the longest twentieth."""
    lengths = [len(source.split()) for source in translations.sources]
    tops = sorted({int(top) for top in np.quantile(lengths, _QUANTILES, method="lower")} | {max(lengths)})
    return list(zip([min(lengths), *(top + 1 for top in tops)], tops, strict=False))


def _by_length(translations: Translations) -> Section:
    rows = []
    for low, high in lengths_apart(translations):
        some = translations.of_length(low, high)
        score = bleu(some)
        words = f"{low} to {high}" if high > low else f"{low}"
        between = "" if score.low is None else f"[{score.low:.1f}, {score.high:.1f}]"
        rows.append((words, f"{len(some.found):,}", f"{score.value:.1f}", between))
    return Section(
        title="BLEU by length",
        text="Of sentences with so many words. A network that has to hold a sentence in one vector gets worse with "
        "every word; one that can look back does not. Intervals hold 95 %.",
        columns=("words of the source", "sentences", "BLEU", "interval"),
        rows=tuple(rows),
    )


def _samples(translations: Translations) -> Section:
    count = len(translations.found)
    chosen = sorted({round(place) for place in np.linspace(0, count - 1, min(_SAMPLES, count))})
    columns = (translations.sources, translations.references, translations.found)
    return Section(
        title="Translations",
        text="Evenly spread over the split, not picked.",
        columns=("source", "reference", "translation"),
        rows=tuple(tuple(shorten(column[i], _LETTERS, placeholder=" …") for column in columns) for i in chosen),
    )
