"""Vectors of words that were learnt elsewhere -> a network that reads texts."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from anmok.backbone import TextClassifier
from anmok.backbone.sequence import END
from anmok.errors import WeightsError

_REMEDY = "Give the text format of word2vec or GloVe, or a .safetensors file with a vector under each word."


def load_word_vectors(model: TextClassifier, path: Path, words: Sequence[str]) -> int:
    """Let the vectors of a network's words start from those of a file; gives how many words were found there.

    `words` are the vocabulary, by id. The file is that of word2vec or GloVe as text, a word and its numbers in a line,
    or safetensors, `{word: vector}`. A word that it lacks gets random numbers from the range in which their variance
    is that of the file's (Kim 2014, sec. 4). Raises `WeightsError` where file and network do not fit.
    """
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    width = tables[0].embedding_dim
    wanted = {word: id for id, word in enumerate(words) if id > END}
    found = {}
    for place, word, vector in _read(path, wanted):
        if len(vector) != width:
            raise WeightsError(
                f"The network has {width} numbers for a word: {place} has {len(vector)}. "
                "Choose other vectors, or another network."
            )
        found[wanted[word]] = vector
    if not found:
        raise WeightsError(f"None of the {len(wanted):,} words of the data has a vector in '{path}'. {_REMEDY}")
    vectors = torch.stack(list(found.values()))
    reach = float((3 * vectors.var(correction=0)).sqrt())  # uniform numbers in ±a have the variance a² / 3
    start = torch.empty(len(words), width).uniform_(-reach, reach)
    start[list(found)] = vectors
    for table in tables:
        with torch.no_grad():
            table.weight[1:] = start[1:].to(table.weight)  # the first is that of padding, and stays 0
    model.vectors_from = str(path)
    return len(found)


def _read(path: Path, wanted: dict[str, int]) -> Iterator[tuple[str, str, Float[Tensor, " d"]]]:
    try:
        yield from _of_tensors(path, wanted) if path.suffix == ".safetensors" else _of_text(path, wanted)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise WeightsError(f"The word vectors '{path}' cannot be read: {reason}. {_REMEDY}") from error
    except UnicodeDecodeError as error:
        raise WeightsError(f"The word vectors '{path}' are not UTF-8 text. {_REMEDY}") from error


def _of_tensors(path: Path, wanted: dict[str, int]) -> Iterator[tuple[str, str, Float[Tensor, " d"]]]:
    with safe_open(path, "pt") as file:
        for word in wanted.keys() & set(file.keys()):
            yield f"'{path}', '{word}'", word, file.get_tensor(word).float().flatten()


def _of_text(path: Path, wanted: dict[str, int]) -> Iterator[tuple[str, str, Float[Tensor, " d"]]]:
    """Of a word that comes twice the later vector counts; word2vec's first line, two counts, is none."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            word, _, numbers = line.rstrip().partition(" ")
            if word in wanted and not (number == 1 and " " not in numbers):
                yield f"'{path}' line {number}", word, _vector(path, number, numbers)


def _vector(path: Path, line: int, numbers: str) -> Float[Tensor, " d"]:
    try:
        return torch.tensor([float(part) for part in numbers.split(" ")])
    except ValueError as error:
        raise WeightsError(
            f"A line of word vectors is a word and numbers: '{path}' line {line} has '{numbers[:20]}'. {_REMEDY}"
        ) from error
