"""Text RNN: one network reads a text forward, another backward, and what both remember at their ends decides.

Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", Neural Computation 9, with the forget gate of Gers et al.
2000; or the gated recurrent unit of Cho et al. 2014, arXiv:1406.1078; in both directions (Schuster & Paliwal 1997,
IEEE Trans. Signal Processing 45). No variants are published for texts of these widths; all of them are ours.
Departs from the papers: the equations are PyTorch's, with two biases in each gate, and the reset gate of the GRU after
the product with the state; no peepholes.
"""

from dataclasses import dataclass
from enum import StrEnum

from einops import rearrange
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from anmok.backbone import Architecture, Kind, NetworkSpec, Paper, TextClassifier, linear_head
from anmok.backbone.sequence import token_counts, word_table
from anmok.errors import SpecError
from anmok.shapes import Logits, TokenIds


class Cell(StrEnum):
    """What carries the state from word to word."""

    LSTM = "lstm"
    GRU = "gru"


@dataclass(frozen=True, kw_only=True)
class TextRnnSpec(NetworkSpec):
    """Numbers of one variant; `drop_rate` is the dropout of the word vectors and before the last layer."""

    cell: Cell
    width: int = 300  # numbers of a word's vector
    hidden: int = 150  # of the state, in each direction
    drop_rate: float = 0.5

    def __post_init__(self) -> None:
        if min(self.width, self.hidden) < 1:
            raise SpecError(
                f"A text RNN has word vectors and a state: got width={self.width} and hidden={self.hidden}. "
                "Make both 1 or more."
            )
        super().__post_init__()


class TextRnn(TextClassifier):
    """Word vectors, a recurrent layer in both directions, one full connection."""

    def __init__(self, spec: TextRnnSpec, *, vocabulary: int, num_classes: int) -> None:
        super().__init__(spec, vocabulary=vocabulary, num_classes=num_classes)
        layer = nn.LSTM if spec.cell is Cell.LSTM else nn.GRU
        self.table = word_table(vocabulary, spec.width)
        self.recurrence = layer(spec.width, spec.hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(spec.drop_rate)
        self.head = linear_head(2 * spec.hidden, num_classes)

    def forward(self, tokens: TokenIds) -> Logits:
        """Logits of each text; one without words is read as a single padding."""
        counts = token_counts(tokens).clamp(min=1).cpu()
        words = self.dropout(self.table(tokens))
        _, state = self.recurrence(pack_padded_sequence(words, counts, batch_first=True, enforce_sorted=False))
        ends = state[0] if isinstance(state, tuple) else state
        return self.head(self.dropout(rearrange(ends, "directions b d -> b (directions d)")))


ARCHITECTURE = Architecture(
    model=TextRnn,
    kind=Kind.RECURRENT,
    paper=Paper(title="Long Short-Term Memory", authors="Hochreiter & Schmidhuber", year=1997),
    bias=(
        "A text is read word by word, and the same rule takes each word in, wherever it stands. Order counts, near "
        "words more than far ones, and all that was read has to fit into one state."
    ),
    presets={},
    ours={
        **{f"text_{cell}": TextRnnSpec(cell=cell) for cell in Cell},
        **{f"text_{cell}_nano": TextRnnSpec(cell=cell, width=64, hidden=48) for cell in Cell},
    },
)
