"""One class for a text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok import backbone
from anmok.backbone import TextClassifier
from anmok.backbone.sequence import END, UNKNOWN
from anmok.catalogue import create_network
from anmok.catalogue.word_vectors import load_word_vectors
from anmok.data import BatchSource, Finding, Split
from anmok.data.parallel_text import read_lines
from anmok.data.text_batches import TextBatch, TextBatches, padded
from anmok.data.texts import TextData, audit_texts, find_in_texts, load_texts, split_texts
from anmok.data.vocabulary import Vocabulary
from anmok.errors import DataError, RequestError
from anmok.shapes import Labels, Logits, TokenIds
from anmok.tasks.idle import refuse_idle
from anmok.tasks.label_training import SETTINGS, LabelTraining
from anmok.tasks.task import Answer, Problem, Task, Tested
from anmok.tasks.text_scores import tested
from anmok.training.choices import ClassBalance
from anmok.training.distributed import this_part
from anmok.training.job import Fit
from anmok.training.recipe import Recipe
from anmok.training.task import Moment

LONGEST = 500  # words of a text that are read
LEAST = 2  # times that training texts have a word, so that it is known; rarer ones teach what an unknown word is
_BATCH = 64  # texts that are answered at once


@dataclass(frozen=True)
class TextExamples:
    """A batch on its device."""

    tokens: TokenIds
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def weight(self) -> int:
        """Texts."""
        return len(self.labels)

    def part(self, chosen: slice) -> "TextExamples":
        """Some of them."""
        return TextExamples(self.tokens[chosen], self.labels[chosen])

    def blank(self) -> "TextExamples":
        """An unknown word."""
        return TextExamples(self.tokens.new_full((1, 1), UNKNOWN), self.labels.new_zeros(1))


@dataclass(frozen=True)
class TextTraining(LabelTraining):
    """The class of each text."""

    unit = "texts"
    measure = "{:.1%} of the select texts right"

    def check(self, job: Fit) -> None:
        """Raise `RequestError` for settings without effect, and for a network that lacks its word vectors."""
        refuse_idle(job.recipe, backbone.Task.TEXT_CLASSIFICATION, SETTINGS)
        if job.recipe.class_balance is ClassBalance.SAMPLING:
            raise RequestError(
                "Texts of a batch are chosen by length: got class_balance='sampling'. "
                "Set it to 'loss', or leave it out."
            )
        network = job.network
        lacks = isinstance(network, TextClassifier) and not network.vectors_from
        if lacks and getattr(network.spec, "needs_vectors", False):
            raise RequestError(
                "This network starts from word vectors that were learnt elsewhere: got none. Name a file of them, "
                "word2vec's or GloVe's, by pretrained, or take text_cnn_rand."
            )

    def examples(self, batch: TextBatch, moment: Moment, job: Fit) -> TextExamples:
        """On the device."""
        tokens, labels = (part.to(job.device, non_blocking=True) for part in batch[:2])
        return TextExamples(tokens, labels)

    def loss(self, network: Callable[..., list[Tensor]], examples: TextExamples, job: Fit) -> Tensor:
        """The sum over texts."""
        return self.losses(network(examples.tokens), examples.labels, job)

    def answers(self, network: nn.Module, source: BatchSource, device: torch.device) -> Iterator[tuple[Logits, Labels]]:
        """Of each batch."""
        for tokens, labels, _ in source.epoch(0, part=this_part()):
            yield network(tokens.to(device)), labels.to(device)


class TextClassification(Problem):
    """Labelled texts, as the numbers of their words."""

    def __init__(self, data: TextData, vocabulary: Vocabulary, findings: Sequence[Finding]) -> None:
        self.name, self._data, self._vocabulary, self._findings = data.name, data, vocabulary, findings
        names = [data.classes[label] for label in data.samples["label"]]
        self.splits = data.samples.select("id", "path", "split").with_columns(label=pl.Series(names))
        self._texts = vocabulary.encode(data.samples["text"].to_list(), longest=LONGEST)
        self._labels = data.samples["label"].to_numpy()
        self.training_task = TextTraining(self._labels[self.rows("train")], len(data.classes))

    def findings(self) -> Sequence[Finding]:
        """Those of the audit, and what of the texts is not read."""
        return self._findings

    def config(self) -> dict[str, Any]:
        """Class names, and the vocabulary as its library writes it."""
        return {"classes": list(self._data.classes), "vocabulary": self._vocabulary.to_json()}

    def batches(self, *splits: Split, recipe: Recipe, seed: int | None) -> BatchSource:
        """Texts of similar length together."""
        rows = self.rows(*splits)
        return TextBatches(self._texts, self._labels, rows, batch_size=recipe.batch_size, seed=seed)

    def test(self, network: nn.Module, split: Split | None, device: torch.device) -> Tested:
        """Accuracy with its interval, macro-F1, who is taken for whom, and the worst mistakes."""
        rows = self.rows(split) if split else np.arange(len(self._labels))
        if not len(rows):
            raise DataError(f"There are no {split} texts in '{self.name}'. Name another split, or none.")
        source = TextBatches(self._texts, self._labels, rows, batch_size=_BATCH, seed=None)
        order, parts = [], []
        for batch in source.epoch(0):
            order.append(batch.rows)
            parts.append(_probabilities(network, batch.tokens, device))
        rows = np.concatenate(order)
        texts, classes = self._data.samples["text"].gather(rows).to_list(), self._data.classes
        return tested(texts, self._labels[rows], np.concatenate(parts), classes)


def open_texts(path: Path, seed: int) -> TextClassification:
    """Read, audit and split a user's texts; the vocabulary is that of the training texts."""
    data = load_texts(path)
    audit = audit_texts(data)
    data = split_texts(data, audit, seed=seed)
    learned = data.samples.filter(pl.col("split") == "train")["text"].to_list()
    vocabulary = Vocabulary.learn(learned, least=LEAST)
    if len(vocabulary) <= END + 1:
        raise DataError(
            f"Words are learned by meeting them again: none comes {LEAST} times in the {len(learned):,} training texts "
            f"of '{data.name}'. Give more texts, and put blanks between words."
        )
    return TextClassification(data, vocabulary, find_in_texts(data, audit, longest=LONGEST))


def reopen_texts(path: Path, config: Mapping[str, Any]) -> TextClassification:
    """Read further texts for a trained network."""
    data = load_texts(path, config["classes"])
    findings = find_in_texts(data, audit_texts(data), longest=LONGEST)
    return TextClassification(data, Vocabulary.from_json(config["vocabulary"]), findings)


def build_text_network(
    name: str,
    config: Mapping[str, Any],
    recipe: Recipe,
    pretrained: bool | str | Path,  # noqa: FBT001 - as in create_model
) -> TextClassifier:
    """A preset for the vocabulary; `pretrained` names a file of word vectors."""
    if pretrained is True:
        raise RequestError(f"There are no public weights of '{name}'. Name a file of word vectors, or leave it out.")
    vocabulary = Vocabulary.from_json(config["vocabulary"])
    sizes = {"vocabulary": len(vocabulary), "num_classes": len(config["classes"])}
    network: TextClassifier = create_network(name, sizes, drop_rate=recipe.drop_rate)
    if pretrained:
        load_word_vectors(network, Path(pretrained), vocabulary.words)
    return network


def answer_texts(network: nn.Module, config: Mapping[str, Any], asked: Sequence[str], folder: Path) -> Iterator[Answer]:
    """The class of each text, or of the text in each .txt file, and its probability."""
    device = next(network.parameters()).device
    vocabulary = Vocabulary.from_json(config["vocabulary"])
    for first in range(0, len(asked), _BATCH):
        some = asked[first : first + _BATCH]
        tokens = padded(vocabulary.encode([_text_of(one) for one in some], longest=LONGEST))
        sure, labels = torch.from_numpy(_probabilities(network, tokens, device)).max(1)
        for one, label, probability in zip(some, labels.tolist(), sure.tolist(), strict=True):
            yield Answer(one, config["classes"][label], probability)


def _probabilities(network: nn.Module, tokens: TokenIds, device: torch.device) -> Float[np.ndarray, "b k"]:
    network.eval()
    with torch.inference_mode():
        return network(tokens.to(device)).float().softmax(1).cpu().numpy()


def _text_of(asked: str) -> str:
    text = "\n".join(read_lines(Path(asked))) if asked.endswith(".txt") else asked
    if not text.strip():
        raise DataError(f"A text has words: got '{asked}'{', which is empty' if asked else ''}. Leave it out.")
    return text


TASK = Task(
    task=backbone.Task.TEXT_CLASSIFICATION,
    recipe="text_cnn",
    open=open_texts,
    reopen=reopen_texts,
    build=build_text_network,
    answer=answer_texts,
)
