"""Bahdanau attention: for every word that it writes, the decoder looks again at the words of the source.

Bahdanau, Cho & Bengio 2014, "Neural Machine Translation by Jointly Learning to Align and Translate", arXiv:1409.0473.
Equations: appendix A; sizes: A.2 and B.1. RNNsearch reads both ways and attends; RNNencdec, its bottlenecked
counterpart (Cho et al. 2014, arXiv:1406.1078), gives the decoder one vector for the whole source.
Departs from the paper: the gated units are PyTorch's, which reset after their product; every affine map has a bias,
which the paper leaves out for brevity; weights start as in Glorot & Bengio 2010, recurrent ones orthogonal as in
appendix B.1, since its N(0, 0.01^2) suits one width; dropout, where there is any, is on words and on the readout.
"""

from dataclasses import dataclass
from typing import TypeAlias

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from anmok.backbone import Architecture, Kind, NetworkSpec, Paper, Translator
from anmok.backbone.sequence import PADDING
from anmok.layers import Linear
from anmok.shapes import Embedding, TargetIds, TokenIds
from anmok.zoo.seq2seq import lengths_of, read

Memory: TypeAlias = tuple[Float[Tensor, "b places c"], Float[Tensor, "b places width"], Float[Tensor, "b places"]]
"""Annotations, their keys, and 0 for a word or minus infinity for padding."""


@dataclass(frozen=True, kw_only=True)
class BahdanauSpec(NetworkSpec):
    """Numbers of one variant."""

    width: int = 1000  # hidden units "n", and those of the alignment model "n'"
    embedding: int = 620  # numbers of a word "m"
    readout: int = 500  # maxout units before the softmax "l"
    attends: bool = True  # False: RNNencdec


class AdditiveAttention(nn.Module):
    """A small network scores each annotation against the decoder's state (A.1.2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = Linear(width, width, bias=False)  # "W_a"
        self.key = Linear(2 * width, width)  # "U_a"
        self.energy = nn.Parameter(torch.empty(width))  # "v_a"
        nn.init.normal_(self.energy, std=width**-0.5)

    def forward(
        self, state: Float[Tensor, "b width"], keys: Float[Tensor, "b n width"], bias: Float[Tensor, "b n"]
    ) -> Float[Tensor, "b n"]:
        """Shares of the annotations: softmax_j(v_a tanh(W_a s + U_a h_j))."""
        heat = torch.tanh(self.query(state)[:, None] + keys) @ self.energy
        return (heat + bias).softmax(1)


class Bahdanau(Translator):
    """A gated network over annotations of the source's words; without attention, over the last of them alone."""

    def __init__(self, spec: BahdanauSpec, *, source_vocabulary: int, target_vocabulary: int) -> None:
        super().__init__(spec, source_vocabulary=source_vocabulary, target_vocabulary=target_vocabulary)
        width, looked = spec.width, spec.width * (2 if spec.attends else 1)
        self.source_embed = nn.Embedding(source_vocabulary, spec.embedding)
        self.target_embed = nn.Embedding(target_vocabulary, spec.embedding)
        self.drop = nn.Dropout(spec.drop_rate)
        self.encoder = nn.GRU(spec.embedding, width, batch_first=True, bidirectional=spec.attends)
        self.attention = AdditiveAttention(width) if spec.attends else None
        self.initial = Linear(width, width)  # "W_s"
        self.cell = nn.GRUCell(spec.embedding + looked, width)  # "W, U, C"
        self.readout = Linear(width + spec.embedding + looked, 2 * spec.readout)  # "U_o, V_o, C_o"
        self.head = Linear(spec.readout, target_vocabulary)  # "W_o"
        self.apply(_initialise)

    def encode(self, source: TokenIds) -> Memory:
        """What the decoder may look at."""
        annotations, last = read(self.encoder, self.drop(self.source_embed(source)), lengths_of(source))
        if self.attention is None:
            return last[0], last[0], last[0].new_zeros(len(source), 1)
        bias = annotations.new_zeros(source.shape).masked_fill(source == PADDING, float("-inf"))
        bias[:, 0] = 0  # so that a text without words is no division by zero
        return annotations, self.attention.key(annotations), bias

    def decode(self, memory: Memory, target: TargetIds) -> Float[Tensor, "b m v"]:
        """Logits of the token that follows each of the target's."""
        return self._logits(self._run(memory, target)[0])

    def start(self, memory: Memory) -> tuple[Float[Tensor, "b width"]]:
        """s_0 = tanh(W_s h), h being the backward state at the first word, or all that RNNencdec has."""
        return (torch.tanh(self.initial(memory[0][:, 0, -self.initial.in_features :])),)

    def step(
        self,
        memory: Memory,
        state: tuple[Float[Tensor, "b width"]],
        token: Int[Tensor, " b"],
    ) -> tuple[Float[Tensor, "b v"], tuple[Float[Tensor, "b width"]]]:
        """Logits after `token`, and the state after it."""
        seen, _, after = self._move(memory, state[0], self.target_embed(token))
        return self._logits(seen), (after,)

    def alignment(self, source: TokenIds, target: TargetIds) -> Float[Tensor, "b m n"] | None:
        """The attention with which the token after each of the target's is written (eq. 6)."""
        return None if self.attention is None else self._run(self.encode(source), target)[1]

    def _run(self, memory: Memory, target: TargetIds) -> tuple[Float[Tensor, "b m seen"], Float[Tensor, "b m places"]]:
        (state,) = self.start(memory)
        steps = []
        for word in self.drop(self.target_embed(target)).unbind(1):
            seen, weights, state = self._move(memory, state, word)
            steps.append((seen, weights))
        seen, weights = (torch.stack(each, 1) for each in zip(*steps, strict=True))
        return seen, weights

    def _move(
        self, memory: Memory, state: Embedding, word: Float[Tensor, "b embedding"]
    ) -> tuple[Float[Tensor, "b seen"], Float[Tensor, "b places"], Embedding]:
        """What the readout sees, where the decoder looks, and its next state."""
        annotations, keys, bias = memory
        weights = bias if self.attention is None else self.attention(state, keys, bias)
        context = annotations[:, 0] if self.attention is None else (weights[:, None] @ annotations)[:, 0]
        return torch.cat((state, word, context), 1), weights, self.cell(torch.cat((word, context), 1), state)

    def _logits(self, seen: Float[Tensor, "*b c"]) -> Float[Tensor, "*b v"]:
        """Maxout over pairs, then the softmax's logits (A.2.2)."""
        pairs = rearrange(self.readout(seen), "... (l two) -> ... l two", two=2)
        return self.head(self.drop(pairs.amax(-1)))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    for name, parameter in module.named_parameters(recurse=False):
        if "weight_hh" in name or "weight_ih" in name:
            start = nn.init.orthogonal_ if "hh" in name else nn.init.xavier_uniform_
            for gate in parameter.chunk(3):
                start(gate)
        elif "bias" in name:
            nn.init.zeros_(parameter)


ARCHITECTURE = Architecture(
    model=Bahdanau,
    kind=Kind.RECURRENT,
    paper=Paper(
        title="Neural Machine Translation by Jointly Learning to Align and Translate",
        authors="Bahdanau, Cho & Bengio",
        year=2014,
        arxiv="1409.0473",
    ),
    bias=(
        "Words come one after another, and what was read stays readable: for each word that is written, all words of "
        "the source are compared with the state so far, wherever they stand. Length costs no memory of the state."
    ),
    presets={"rnnsearch": BahdanauSpec(), "rnnencdec": BahdanauSpec(attends=False)},
    ours={
        "rnnsearch_nano": BahdanauSpec(width=128, embedding=128, readout=128),
        "rnnencdec_nano": BahdanauSpec(width=184, embedding=128, readout=128, attends=False),
    },
)
