"""Seq2seq: one recurrent network reads a sentence into its last state, from which another writes the translation.

Sutskever, Vinyals & Le 2014, "Sequence to Sequence Learning with Neural Networks", arXiv:1409.3215, sec. 2 and 3:
stacked LSTMs, the source backwards (sec. 3.3), all weights from U(-0.08, 0.08) (sec. 3.4); or, as in Cho et al.
2014, arXiv:1406.1078, their gated unit. The variants are `Seq2SeqSpec`'s numbers, from sec. 3.4.
Departs from the paper: the units are PyTorch's, whose gates have two biases, and whose GRU resets after its product;
dropout, where there is any, is on all that is not recurrent (Zaremba et al. 2014, arXiv:1409.2329, fig. 2).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from anmok.backbone import Architecture, Kind, NetworkSpec, Paper, Translator
from anmok.backbone.sequence import token_counts
from anmok.layers import Linear
from anmok.shapes import TargetIds, TokenIds, Tokens

States: TypeAlias = tuple[Float[Tensor, "b layers width"], ...]
"""Of all layers; an LSTM has two kinds of them, a GRU one."""


class Unit(StrEnum):
    """What a recurrent layer is made of."""

    LSTM = "lstm"
    GRU = "gru"


@dataclass(frozen=True, kw_only=True)
class Seq2SeqSpec(NetworkSpec):
    """Numbers of one variant."""

    width: int  # cells of a layer
    embedding: int  # numbers of a word
    depth: int  # layers, of the encoder as of the decoder
    unit: Unit = Unit.LSTM
    backwards: bool = True  # whether the source is read from its end
    initial: float = 0.08  # weights start in [-initial, initial]


class RecurrentEncoder(nn.Module):
    """Reads the source; the last states of its layers are what is known of it."""

    def __init__(self, spec: Seq2SeqSpec, vocabulary: int) -> None:
        super().__init__()
        self.backwards = spec.backwards
        self.embed = nn.Embedding(vocabulary, spec.embedding)
        self.drop = nn.Dropout(spec.drop_rate)
        self.rnn = recurrent(spec, spec.embedding)

    def forward(self, source: TokenIds) -> tuple[Tokens, States]:
        """Outputs of the last layer, each in the place of its token, and the last states of all layers."""
        lengths = lengths_of(source)
        order = backwards(source, lengths)
        words = self.drop(self.embed(source.gather(1, order) if self.backwards else source))
        outputs, states = read(self.rnn, words, lengths)
        return outputs[rows_of(order), order] if self.backwards else outputs, states


def recurrent(spec: Seq2SeqSpec, width_in: int) -> nn.LSTM | nn.GRU:
    """The layers of a variant."""
    kind = nn.LSTM if spec.unit is Unit.LSTM else nn.GRU
    between = spec.drop_rate if spec.depth > 1 else 0.0
    return kind(width_in, spec.width, spec.depth, batch_first=True, dropout=between)


def read(
    rnn: nn.LSTM | nn.GRU, words: Tokens, lengths: Int[Tensor, " b"]
) -> tuple[Float[Tensor, "b n outputs"], States]:
    """Outputs and last states where each text ends; outputs are zero behind that."""
    packed = pack_padded_sequence(words, lengths.cpu(), batch_first=True, enforce_sorted=False)
    outputs, states = rnn(packed)
    outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=words.shape[1])
    return outputs, batch_first(states)


def go_on(rnn: nn.LSTM | nn.GRU, words: Tokens, states: States) -> tuple[Float[Tensor, "b n outputs"], States]:
    """Outputs and last states from given states on."""
    before = tuple(rearrange(s, "b layers width -> layers b width").contiguous() for s in states)
    outputs, after = rnn(words, before if isinstance(rnn, nn.LSTM) else before[0])
    return outputs, batch_first(after)


def batch_first(states: Tensor | tuple[Tensor, ...]) -> States:
    """PyTorch's states, which have the layers first."""
    each = (states,) if isinstance(states, Tensor) else states
    return tuple(rearrange(s, "layers b width -> b layers width") for s in each)


def lengths_of(source: TokenIds) -> Int[Tensor, " b"]:
    """Tokens of each text, and 1 where there is none."""
    return token_counts(source).clamp(min=1)


def backwards(source: TokenIds, lengths: Int[Tensor, " b"]) -> Int[Tensor, "b n"]:
    """Where each token goes when a text is turned round; padding stays where it is."""
    places = repeat(torch.arange(source.shape[1], device=source.device), "n -> b n", b=len(source))
    turned = lengths[:, None] - 1 - places
    return torch.where(turned >= 0, turned, places)


def rows_of(order: Int[Tensor, "b n"]) -> Int[Tensor, "b 1"]:
    """The number of each row, for indexing beside an order of its columns."""
    return torch.arange(len(order), device=order.device)[:, None]


class Seq2Seq(Translator):
    """The decoder starts from the encoder's last state, and sees no more of the source."""

    def __init__(self, spec: Seq2SeqSpec, *, source_vocabulary: int, target_vocabulary: int) -> None:
        super().__init__(spec, source_vocabulary=source_vocabulary, target_vocabulary=target_vocabulary)
        self.encoder = RecurrentEncoder(spec, source_vocabulary)
        self.embed = nn.Embedding(target_vocabulary, spec.embedding)
        self.drop = nn.Dropout(spec.drop_rate)
        self.rnn = recurrent(spec, spec.embedding)
        self.head = Linear(spec.width, target_vocabulary)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -spec.initial, spec.initial)

    def encode(self, source: TokenIds) -> States:
        """The encoder's last states."""
        _, states = self.encoder(source)
        return states

    def decode(self, memory: States, target: TargetIds) -> Float[Tensor, "b m v"]:
        """Logits of the token that follows each of the target's."""
        outputs, _ = go_on(self.rnn, self.drop(self.embed(target)), memory)
        return self.head(self.drop(outputs))

    def start(self, memory: States) -> States:
        """The encoder's last states."""
        return memory

    def step(
        self,
        memory: States,
        state: States,
        token: Int[Tensor, " b"],
    ) -> tuple[Float[Tensor, "b v"], States]:
        """Logits after `token`, and the states after it."""
        outputs, after = go_on(self.rnn, self.embed(token[:, None]), state)
        return self.head(outputs[:, 0]), after


ARCHITECTURE = Architecture(
    model=Seq2Seq,
    kind=Kind.RECURRENT,
    paper=Paper(
        title="Sequence to Sequence Learning with Neural Networks",
        authors="Sutskever, Vinyals & Le",
        year=2014,
        arxiv="1409.3215",
    ),
    bias=(
        "Words come one after another, and the same rule reads each. All that is known of a sentence has to fit into "
        "one state of fixed size: what was read long ago fades, and long sentences are told from memory."
    ),
    presets={"seq2seq_lstm": Seq2SeqSpec(width=1000, embedding=1000, depth=4)},
    ours={
        "seq2seq_lstm_nano": Seq2SeqSpec(width=168, embedding=128, depth=1),
        "seq2seq_gru_nano": Seq2SeqSpec(width=192, embedding=128, depth=1, unit=Unit.GRU),
    },
)
