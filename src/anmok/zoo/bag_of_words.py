"""Bag of words: the mean of a text's word vectors, then full connections; the order of the words is lost.

Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods for Text Classification", ACL, sec. 2 and 3:
NBOW (no hidden layer) and DAN (three, and dropout of whole words).
Departs from the paper: initial weights as in He et al. 2015, arXiv:1502.01852, eq. 10; the loss has no L2 term unless
the recipe has it. As in the authors' code, units are rectified, and a text that would lose all words keeps them.
"""

from dataclasses import dataclass

import torch
from einops import einsum
from torch import nn

from anmok.backbone import Architecture, Kind, NetworkSpec, Paper, TextClassifier, linear_head
from anmok.backbone.sequence import PADDING, word_table
from anmok.errors import SpecError
from anmok.layers import Linear
from anmok.shapes import Embedding, Logits, TokenIds


@dataclass(frozen=True, kw_only=True)
class BagOfWordsSpec(NetworkSpec):
    """Numbers of one variant; `drop_rate` is the share of a text's words that training leaves out (p)."""

    width: int = 300  # numbers of a word's vector
    hidden: tuple[int, ...] = ()  # units of each hidden layer
    drop_rate: float = 0.3

    def __post_init__(self) -> None:
        if min(self.width, *self.hidden, 1) < 1:
            raise SpecError(
                f"A bag of words has word vectors, and units in each layer: got width={self.width} and "
                f"hidden={self.hidden}. Make them 1 or more."
            )
        super().__post_init__()


class MeanWord(nn.Module):
    """The mean of the vectors of a text's words; in training, of some of them."""

    def __init__(self, vocabulary: int, width: int, drop_rate: float) -> None:
        super().__init__()
        self.table = word_table(vocabulary, width)
        self.drop_rate = drop_rate

    def forward(self, tokens: TokenIds) -> Embedding:
        """A text without words has the mean 0."""
        words = tokens != PADDING
        if self.training:
            kept = words & (torch.rand(tokens.shape, device=tokens.device) >= self.drop_rate)
            words = torch.where(kept.any(1, keepdim=True), kept, words)
        shares = words / words.sum(1, keepdim=True).clamp(min=1)
        vectors = self.table(tokens)
        return einsum(shares.to(vectors), vectors, "b n, b n d -> b d")


class BagOfWords(TextClassifier):
    """The mean word, rectified hidden layers, one full connection."""

    def __init__(self, spec: BagOfWordsSpec, *, vocabulary: int, num_classes: int) -> None:
        super().__init__(spec, vocabulary=vocabulary, num_classes=num_classes)
        self.mean = MeanWord(vocabulary, spec.width, spec.drop_rate)
        self.layers = nn.Sequential()
        width_in = spec.width
        for width in spec.hidden:
            self.layers.extend((Linear(width_in, width), nn.ReLU()))
            width_in = width
        self.layers.apply(_initialise)
        self.head = linear_head(width_in, num_classes)

    def forward(self, tokens: TokenIds) -> Logits:
        """Logits of each text."""
        return self.head(self.layers(self.mean(tokens)))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


ARCHITECTURE = Architecture(
    model=BagOfWords,
    kind=Kind.MLP,
    paper=Paper(
        title="Deep Unordered Composition Rivals Syntactic Methods for Text Classification",
        authors="Iyyer et al.",
        year=2015,
    ),
    bias=(
        "Which words a text has and how often says what it is; their order says nothing. Each word counts alike "
        "before the hidden layers weigh the mean, so one strong word is hard to hear in a long text."
    ),
    presets={"nbow": BagOfWordsSpec(drop_rate=0.0), "dan": BagOfWordsSpec(hidden=(300, 300, 300))},
    ours={"dan_nano": BagOfWordsSpec(width=64, hidden=(64, 64))},
)
