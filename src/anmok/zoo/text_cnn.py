"""Text CNN: filters as wide as a word vector slide over the words of a text, and each tells its strongest answer.

Kim 2014, "Convolutional Neural Networks for Sentence Classification", arXiv:1408.5882, sec. 2 and 3.1. Variants:
table 2 (CNN-rand, -static, -non-static, -multichannel); they differ in their word vectors, see `Words`.
Departs from the paper: the max-norm constraint on the last layer's weight vectors, which the paper restores after
each step of the optimiser, holds wherever these are used (they count as shortened), so that any optimiser serves. As
in the author's code, windows may stick out of the text at both ends; unlike there, those of padding alone count for
nothing, so that a text's answer does not depend on its neighbours in the batch.
"""

from dataclasses import dataclass
from enum import StrEnum

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from anmok.backbone import Architecture, Kind, NetworkSpec, Paper, TextClassifier
from anmok.backbone.sequence import token_counts, word_table
from anmok.errors import SpecError
from anmok.layers import Linear
from anmok.layers.linear import product
from anmok.shapes import Logits, TokenIds, Tokens


class Words(StrEnum):
    """Where the vectors of words come from, and whether they learn."""

    RANDOM = "rand"  # random at first; they learn
    STATIC = "static"  # learnt elsewhere; they stay
    NON_STATIC = "non-static"  # learnt elsewhere at first; they learn on
    MULTICHANNEL = "multichannel"  # the two above side by side


@dataclass(frozen=True, kw_only=True)
class TextCnnSpec(NetworkSpec):
    """Numbers of one variant; `drop_rate` is the dropout before the last layer."""

    words: Words = Words.RANDOM
    width: int = 300  # k, numbers of a word's vector
    windows: tuple[int, ...] = (3, 4, 5)  # h, words that a filter sees
    maps: int = 100  # filters of each window
    max_norm: float = 3.0  # s
    drop_rate: float = 0.5

    def __post_init__(self) -> None:
        if not self.windows or min(self.width, self.maps, *self.windows) < 1 or self.max_norm <= 0:
            raise SpecError(
                f"A text CNN has word vectors, windows, maps and a norm above 0: got width={self.width}, "
                f"windows={self.windows}, maps={self.maps} and max_norm={self.max_norm:g}. Make them positive."
            )
        super().__post_init__()

    @property
    def needs_vectors(self) -> bool:
        """Whether word vectors that were learnt elsewhere are what the variant is about."""
        return self.words is not Words.RANDOM


class MaxNormLinear(Linear):
    """A full connection whose weight vectors count as shortened to a norm, where they are longer (sec. 2.1)."""

    def __init__(self, in_features: int, out_features: int, *, max_norm: float) -> None:
        super().__init__(in_features, out_features)
        self.max_norm = max_norm

    def forward(self, input: Float[Tensor, "*b c"]) -> Float[Tensor, "*b d"]:
        """The mapped rows."""
        return product(input, torch.renorm(self.weight, 2, 0, self.max_norm), self.bias)


class StrongestAnswer(nn.Module):
    """Filters over windows of words, rectified; of each its largest value anywhere in the text (eq. 2 to 4)."""

    def __init__(self, width: int, maps: int, window: int) -> None:
        super().__init__()
        self.window = window
        # Over an image of one row: on CPUs that is PyTorch's faster convolution.
        self.conv = nn.Conv2d(width, maps, (1, window), padding=(0, window - 1))

    def forward(self, words: Tokens, counts: Int[Tensor, " b"]) -> Float[Tensor, "b maps"]:
        """`counts` are the words that each text really has."""
        answers = rearrange(self.conv(rearrange(words, "b n d -> b d 1 n")).relu(), "b d 1 n -> b d n")
        places = torch.arange(answers.shape[2], device=words.device)
        holds_words = places < rearrange(counts, "b -> b 1 1") + self.window - 1
        return (answers * holds_words).amax(2)  # none is below 0


class TextCnn(TextClassifier):
    """Word vectors, filters, one full connection."""

    def __init__(self, spec: TextCnnSpec, *, vocabulary: int, num_classes: int) -> None:
        super().__init__(spec, vocabulary=vocabulary, num_classes=num_classes)
        self.tables = nn.ModuleList()
        if spec.words in (Words.STATIC, Words.MULTICHANNEL):
            self.tables.append(word_table(vocabulary, spec.width).requires_grad_(requires_grad=False))
        if spec.words is not Words.STATIC:
            self.tables.append(word_table(vocabulary, spec.width))
        self.filters = nn.ModuleList(StrongestAnswer(spec.width, spec.maps, window) for window in spec.windows)
        self.dropout = nn.Dropout(spec.drop_rate)
        self.head = MaxNormLinear(spec.maps * len(spec.windows), num_classes, max_norm=spec.max_norm)

    def forward(self, tokens: TokenIds) -> Logits:
        """Logits of each text."""
        # A filter answers with the sum over the channels: it may as well see the sum of the channels.
        words = torch.stack([table(tokens) for table in self.tables]).sum(0)
        counts = token_counts(tokens)
        features = torch.cat([strongest(words, counts) for strongest in self.filters], dim=1)
        return self.head(self.dropout(features))


ARCHITECTURE = Architecture(
    model=TextCnn,
    kind=Kind.CNN,
    paper=Paper(
        title="Convolutional Neural Networks for Sentence Classification", authors="Kim", year=2014, arxiv="1408.5882"
    ),
    bias=(
        "A few words in a row mean the same wherever they stand, and one such phrase can decide. Beyond a window's "
        "length neither order nor number counts: of each filter only the strongest answer is left."
    ),
    presets={f"text_cnn_{words.replace('-', '')}": TextCnnSpec(words=words) for words in Words},
    ours={"text_cnn_nano": TextCnnSpec(width=64, windows=(2, 3, 4), maps=32)},
)
