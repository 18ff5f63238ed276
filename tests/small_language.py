"""A language in which every word has one translation, and sentences are turned round."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

WORDS = {"one": "eins", "two": "zwei", "red": "rot", "old": "alt", "dog": "Hund", "cat": "Katze", "runs": "rennt"}


def sentences(count: int, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice([*WORDS], random.integers(1, 6))) for _ in range(count)]


def translated(sentence: str) -> str:
    return " ".join(WORDS[word] for word in reversed(sentence.split()))


def write_corpus(folder: Path, name: str, texts: Sequence[str]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.en").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    (folder / f"{name}.de").write_text("".join(f"{translated(text)}\n" for text in texts), encoding="utf-8")
