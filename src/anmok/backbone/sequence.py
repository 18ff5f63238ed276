"""The networks that read text: what each is given, and what it answers."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from anmok.backbone.spec import NetworkSpec
from anmok.errors import SpecError
from anmok.shapes import Logits, TargetIds, TokenIds

PADDING, UNKNOWN, START, END = 0, 1, 2, 3  # the first ids of every vocabulary


class TextClassifier(nn.Module, ABC):
    """Token ids -> logits. Texts of a batch end in `PADDING`, and how much of it there is changes no answer.

    One without words has a single padding at least.
    """

    vectors_from: str = ""  # the file that its word vectors started from

    @abstractmethod
    def __init__(self, spec: NetworkSpec, *, vocabulary: int, num_classes: int) -> None:
        super().__init__()
        if vocabulary <= END + 1 or num_classes < 1:
            raise SpecError(
                f"A text classifier knows more than {END + 1} tokens and 1 or more classes: "
                f"got vocabulary={vocabulary} and num_classes={num_classes}."
            )
        self.spec = spec
        self.vocabulary = vocabulary
        self.num_classes = num_classes

    @abstractmethod
    def forward(self, tokens: TokenIds) -> Logits:
        """Logits of each text."""


class Translator(nn.Module, ABC):
    """Token ids of one language -> logits of those of another, each seeing the ones before it.

    Targets start with `START` and end with `END`; `PADDING` follows, and changes no answer.
    """

    @abstractmethod
    def __init__(self, spec: NetworkSpec, *, source_vocabulary: int, target_vocabulary: int) -> None:
        super().__init__()
        if min(source_vocabulary, target_vocabulary) <= END + 1:
            raise SpecError(
                f"A translator knows more than {END + 1} tokens of each language: "
                f"got source_vocabulary={source_vocabulary} and target_vocabulary={target_vocabulary}."
            )
        self.spec = spec
        self.source_vocabulary = source_vocabulary
        self.target_vocabulary = target_vocabulary

    @abstractmethod
    def encode(self, source: TokenIds) -> Any:
        """What the decoder may look at: a tuple of tensors whose first axis is the batch."""

    @abstractmethod
    def decode(self, memory: Any, target: TargetIds) -> Float[Tensor, "b m v"]:
        """Logits of the token that follows each of the target's, which starts with `START`."""

    def forward(self, source: TokenIds, target: TargetIds) -> Float[Tensor, "b m v"]:
        """Teacher forcing: logits of the token that follows each of the target's."""
        return self.decode(self.encode(source), target)

    @abstractmethod
    def start(self, memory: Any) -> Any:
        """The decoder's state before its first token: a tuple of tensors whose first axis is the batch."""

    @abstractmethod
    def step(self, memory: Any, state: Any, token: Any) -> tuple[Float[Tensor, "b v"], Any]:
        """Logits of the next token after `token` (B,), and the state that the step after this one needs."""

    def alignment(self, source: TokenIds, target: TargetIds) -> Float[Tensor, "b m n"] | None:
        """How much each target position looks at each source position; rows sum to 1. None without attention."""
        return None


def token_counts(tokens: TokenIds) -> Int[Tensor, " b"]:
    """How many tokens each text has, without the padding."""
    return (tokens != PADDING).sum(1)


def word_table(vocabulary: int, width: int) -> nn.Embedding:
    """A vector for each token, uniform in ±0.25, about the variance of word2vec's (Kim 2014); that of padding is 0."""
    table = nn.Embedding(vocabulary, width, padding_idx=PADDING)
    with torch.no_grad():
        nn.init.uniform_(table.weight, -0.25, 0.25)[PADDING] = 0
    return table
