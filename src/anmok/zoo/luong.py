"""Luong attention: stacked LSTMs, whose answer at each word is mixed with what they attend to in the source.

Luong, Pham & Manning 2015, "Effective Approaches to Attention-based Neural Machine Translation", arXiv:1508.04025:
global attention (sec. 3.1) by each of the three scores of eq. 8, and input feeding (sec. 3.3): the attentional vector
goes into the next step too. Sizes: sec. 4.1. Encoder: that of Seq2Seq.
Departs from the paper: no local attention (sec. 3.2); dropout, where there is any, as in Seq2Seq.
"""

from dataclasses import dataclass
from enum import StrEnum

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from anmok.backbone import Architecture, Kind, Paper, Translator
from anmok.backbone.sequence import PADDING
from anmok.layers import Linear
from anmok.shapes import Embedding, TargetIds, TokenIds, Tokens
from anmok.zoo.seq2seq import RecurrentEncoder, Seq2SeqSpec, Unit, go_on, recurrent


class Score(StrEnum):
    """How a state of the decoder is compared with one of the encoder (eq. 8)."""

    DOT = "dot"  # h_t h_s
    GENERAL = "general"  # h_t W_a h_s
    CONCAT = "concat"  # v_a tanh(W_a [h_t; h_s])


@dataclass(frozen=True, kw_only=True)
class LuongSpec(Seq2SeqSpec):
    """Numbers of one variant."""

    score: Score
    initial: float = 0.1


class GlobalAttention(nn.Module):
    """Over all states of the encoder."""

    def __init__(self, width: int, score: Score) -> None:
        super().__init__()
        self.key = nn.Identity() if score is Score.DOT else Linear(width, width, bias=False)
        self.query = Linear(width, width, bias=False) if score is Score.CONCAT else None
        self.energy = Linear(width, 1, bias=False) if score is Score.CONCAT else None  # "v_a"

    def forward(self, state: Embedding, keys: Tokens, bias: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Shares of the states (eq. 7)."""
        if self.query is None or self.energy is None:
            return ((keys @ state[:, :, None])[:, :, 0] + bias).softmax(1)
        return (self.energy(torch.tanh(self.query(state)[:, None] + keys))[:, :, 0] + bias).softmax(1)


class Luong(Translator):
    """What the decoder may look at: the encoder's outputs, their keys, what hides padding, then its last states.

    Its own state: the last attentional vector, then the states of its layers.
    """

    def __init__(self, spec: LuongSpec, *, source_vocabulary: int, target_vocabulary: int) -> None:
        super().__init__(spec, source_vocabulary=source_vocabulary, target_vocabulary=target_vocabulary)
        self.encoder = RecurrentEncoder(spec, source_vocabulary)
        self.embed = nn.Embedding(target_vocabulary, spec.embedding)
        self.drop = nn.Dropout(spec.drop_rate)
        self.rnn = recurrent(spec, spec.embedding + spec.width)
        self.attention = GlobalAttention(spec.width, spec.score)
        self.mix = Linear(2 * spec.width, spec.width, bias=False)  # "W_c"
        self.head = Linear(spec.width, target_vocabulary, bias=False)  # "W_s"
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -spec.initial, spec.initial)

    def encode(self, source: TokenIds) -> tuple[Tensor, ...]:
        """Outputs in the order of the words, keys, 0 for a word or minus infinity for padding, last states."""
        outputs, states = self.encoder(source)
        bias = outputs.new_zeros(source.shape).masked_fill(source == PADDING, float("-inf"))
        bias[:, 0] = 0  # so that a text without words is no division by zero
        return outputs, self.attention.key(outputs), bias, *states

    def decode(self, memory: tuple[Tensor, ...], target: TargetIds) -> Float[Tensor, "b m v"]:
        """Logits of the token that follows each of the target's."""
        return self.head(self.drop(self._run(memory, target)[0]))

    def start(self, memory: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """No attentional vector yet, and the encoder's last states."""
        states = memory[3:]
        return torch.zeros_like(states[0][:, 0]), *states

    def step(
        self, memory: tuple[Tensor, ...], state: tuple[Tensor, ...], token: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b v"], tuple[Tensor, ...]]:
        """Logits after `token`, and the state after it."""
        _, after = self._move(memory, state, self.embed(token))
        return self.head(after[0]), after

    def alignment(self, source: TokenIds, target: TargetIds) -> Float[Tensor, "b m n"]:
        """The attention with which the token after each of the target's is written."""
        return self._run(self.encode(source), target)[1]

    def _run(
        self, memory: tuple[Tensor, ...], target: TargetIds
    ) -> tuple[Float[Tensor, "b m d"], Float[Tensor, "b m n"]]:
        state, vectors, looks = self.start(memory), [], []
        for word in self.drop(self.embed(target)).unbind(1):
            weights, state = self._move(memory, state, word)
            vectors.append(state[0])
            looks.append(weights)
        return torch.stack(vectors, 1), torch.stack(looks, 1)

    def _move(
        self, memory: tuple[Tensor, ...], state: tuple[Tensor, ...], word: Embedding
    ) -> tuple[Float[Tensor, "b n"], tuple[Tensor, ...]]:
        """Where the decoder looks, and its next state (eq. 5)."""
        outputs, keys, bias = memory[:3]
        hidden, layers = go_on(self.rnn, torch.cat((word, state[0]), 1)[:, None], state[1:])
        weights = self.attention(hidden[:, 0], keys, bias)
        context = (weights[:, None] @ outputs)[:, 0]
        return weights, (torch.tanh(self.mix(torch.cat((context, hidden[:, 0]), 1))), *layers)


def _paper(score: Score) -> LuongSpec:
    return LuongSpec(width=1000, embedding=1000, depth=4, drop_rate=0.2, score=score)


ARCHITECTURE = Architecture(
    model=Luong,
    kind=Kind.RECURRENT,
    paper=Paper(
        title="Effective Approaches to Attention-based Neural Machine Translation",
        authors="Luong, Pham & Manning",
        year=2015,
        arxiv="1508.04025",
    ),
    bias=(
        "Words come one after another, and what was read stays readable: the state after each word is compared with "
        "all of the source, and what is found there is told to the next step, so that nothing is translated twice."
    ),
    presets={f"luong_{score}": _paper(score) for score in Score},
    ours={"luong_general_nano": LuongSpec(width=160, embedding=128, depth=1, unit=Unit.GRU, score=Score.GENERAL)},
)
