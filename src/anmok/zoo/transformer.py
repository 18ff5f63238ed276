"""Transformer: attention alone reads a sentence and writes its translation; no word waits for the one before it.

Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762. Layers: fig. 1 and sec. 3; variants: table 3.
Embeddings of both languages and the map before the softmax are one matrix, times sqrt(d_model) below (sec. 3.4), so
both languages share a vocabulary; positions are sines (sec. 3.5); norms stand behind the sums (sec. 3.1).
Departs from the paper: the maps of queries, keys, values and outputs have biases, as PyTorch's have; the paper gives
no initial weights: those of PyTorch's Transformer, embeddings from N(0, 1 / d_model).
"""

from dataclasses import dataclass
from math import log, sqrt

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from anmok.backbone import Architecture, Kind, NetworkSpec, Paper, Translator
from anmok.backbone.sequence import PADDING
from anmok.errors import SpecError
from anmok.layers import Linear, attend, check_heads
from anmok.layers.linear import product
from anmok.shapes import TargetIds, TokenIds, Tokens


@dataclass(frozen=True, kw_only=True)
class TransformerSpec(NetworkSpec):
    """Numbers of one variant; `drop_rate` is "P_drop", of every sublayer's output and of the embedded words."""

    width: int = 512  # "d_model"
    depth: int = 6  # "N"
    num_heads: int = 8  # "h"
    hidden: int = 2048  # "d_ff"
    drop_rate: float = 0.1

    def __post_init__(self) -> None:
        check_heads(self.width, self.num_heads)
        super().__post_init__()


def sines(first: int, count: int, width: int, like: Tensor) -> Float[Tensor, "n d"]:
    """Encodings of places `first` on: sine and cosine by turns, wavelengths from 2 pi to 10000 * 2 pi (sec. 3.5)."""
    places = torch.arange(first, first + count, device=like.device, dtype=torch.float32)
    rates = torch.exp(torch.arange(0, width, 2, device=like.device, dtype=torch.float32) * (-log(10000) / width))
    angles = places[:, None] * rates
    return rearrange([angles.sin(), angles.cos()], "two n d -> n (d two)")[:, :width].to(like.dtype)


class SelfAttention(nn.Module):
    """Multi-head attention of a text to itself (sec. 3.2.2)."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = Linear(width, 3 * width)
        self.project = Linear(width, width)

    def forward(
        self, x: Tokens, bias: Float[Tensor, "... n m"] | None, past: Float[Tensor, "b before kv"] | None = None
    ) -> tuple[Tokens, Float[Tensor, "b m kv"]]:
        """What each token takes from all, or from those before it too, and their keys and values."""
        width = x.shape[-1]
        q, kv = self.qkv(x).split((width, 2 * width), dim=-1)
        if past is not None:
            kv = torch.cat((past, kv), 1)
        k, v = kv.chunk(2, dim=-1)
        return self.project(attend(q, k, v, num_heads=self.num_heads, bias=bias)), kv


class CrossAttention(nn.Module):
    """Multi-head attention of a text to another, whose keys and values are made once."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = Linear(width, width)
        self.kv = Linear(width, 2 * width)
        self.project = Linear(width, width)

    def forward(self, x: Tokens, kv: Float[Tensor, "b m kv"], bias: Float[Tensor, "b 1 1 m"]) -> Tokens:
        """What each token takes from the other text."""
        k, v = kv.chunk(2, dim=-1)
        bias = bias.expand(-1, -1, x.shape[1], -1)
        return self.project(attend(self.q(x), k, v, num_heads=self.num_heads, bias=bias))

    def weights(self, x: Tokens, kv: Float[Tensor, "b m kv"], bias: Float[Tensor, "b 1 1 m"]) -> Float[Tensor, "b n m"]:
        """How much each token takes from each of the other text, mean of the heads."""
        q, k = (
            rearrange(t, "b n (heads d) -> b heads n d", heads=self.num_heads) for t in (self.q(x), kv.chunk(2, -1)[0])
        )
        return (q * q.shape[-1] ** -0.5 @ k.mT + bias).softmax(-1).mean(1)


def _feed_forward(spec: TransformerSpec) -> nn.Sequential:
    return nn.Sequential(Linear(spec.width, spec.hidden), nn.ReLU(), Linear(spec.hidden, spec.width))


class EncoderLayer(nn.Module):
    """Attention, then two maps for each word (sec. 3.1)."""

    def __init__(self, spec: TransformerSpec) -> None:
        super().__init__()
        self.attention = SelfAttention(spec.width, spec.num_heads)
        self.feed_forward = _feed_forward(spec)
        self.norm1, self.norm2 = (nn.LayerNorm(spec.width) for _ in range(2))
        self.drop = nn.Dropout(spec.drop_rate)

    def forward(self, x: Tokens, bias: Float[Tensor, "b 1 1 n"]) -> Tokens:
        """The same words, each knowing of the others."""
        x = self.norm1(x + self.drop(self.attention(x, bias.expand(-1, -1, x.shape[1], -1))[0]))
        return self.norm2(x + self.drop(self.feed_forward(x)))


class DecoderLayer(nn.Module):
    """Attention to the words written so far, then to the source, then two maps for each word (sec. 3.1)."""

    def __init__(self, spec: TransformerSpec) -> None:
        super().__init__()
        self.attention = SelfAttention(spec.width, spec.num_heads)
        self.cross = CrossAttention(spec.width, spec.num_heads)
        self.feed_forward = _feed_forward(spec)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(spec.width) for _ in range(3))
        self.drop = nn.Dropout(spec.drop_rate)

    def forward(
        self, x: Tokens, source: Float[Tensor, "b m kv"], hidden: Float[Tensor, "b 1 1 m"], later: Float[Tensor, "n n"]
    ) -> Tokens:
        """The same words; `later` hides those that come after each."""
        return self.look_over(self.look_back(x, later)[0], source, hidden)

    def look_back(
        self, x: Tokens, later: Float[Tensor, "n n"] | None, past: Float[Tensor, "b before kv"] | None = None
    ) -> tuple[Tokens, Float[Tensor, "b m kv"]]:
        """After the first sublayer, with the keys and values of all words so far."""
        taken, kv = self.attention(x, None if later is None else later[None], past)
        return self.norm1(x + self.drop(taken)), kv

    def look_over(self, x: Tokens, source: Float[Tensor, "b m kv"], hidden: Float[Tensor, "b 1 1 m"]) -> Tokens:
        """After the other two sublayers."""
        x = self.norm2(x + self.drop(self.cross(x, source, hidden)))
        return self.norm3(x + self.drop(self.feed_forward(x)))


class Transformer(Translator):
    """Encoder and decoder; what the decoder may look at is made once for all words that it writes.

    That is what hides padding, then the keys and values of the source in each of the decoder's layers.
    """

    def __init__(self, spec: TransformerSpec, *, source_vocabulary: int, target_vocabulary: int) -> None:
        super().__init__(spec, source_vocabulary=source_vocabulary, target_vocabulary=target_vocabulary)
        if source_vocabulary != target_vocabulary:
            raise SpecError(
                f"A Transformer has one vocabulary for both languages: got {source_vocabulary} tokens of the source "
                f"and {target_vocabulary} of the target. Make one from the texts of both."
            )
        self.embed = nn.Embedding(source_vocabulary, spec.width)
        self.drop = nn.Dropout(spec.drop_rate)
        self.encoder = nn.ModuleList(EncoderLayer(spec) for _ in range(spec.depth))
        self.decoder = nn.ModuleList(DecoderLayer(spec) for _ in range(spec.depth))
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)
        nn.init.normal_(self.embed.weight, std=spec.width**-0.5)

    def encode(self, source: TokenIds) -> tuple[Tensor, ...]:
        """What hides padding, and keys and values."""
        x = self._embedded(source)
        hidden = x.new_zeros(source.shape).masked_fill(source == PADDING, float("-inf"))
        hidden[:, 0] = 0  # so that a text without words is no division by zero
        hidden = rearrange(hidden, "b n -> b 1 1 n")
        for layer in self.encoder:
            x = layer(x, hidden)
        return hidden, *(layer.cross.kv(x) for layer in self._layers())

    def decode(self, memory: tuple[Tensor, ...], target: TargetIds) -> Float[Tensor, "b m v"]:
        """Logits of the token that follows each of the target's."""
        x, later = self._embedded(target), self._later(target)
        for layer, source in zip(self.decoder, memory[1:], strict=True):
            x = layer(x, source, memory[0], later)
        return product(x, self.embed.weight, None)

    def start(self, memory: tuple[Tensor, ...]) -> tuple[Float[Tensor, "b 0 kv"], ...]:
        """Of each layer the keys and values of no words."""
        return tuple(source[:, :0] for source in memory[1:])

    def step(
        self, memory: tuple[Tensor, ...], state: tuple[Float[Tensor, "b p kv"], ...], token: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b v"], tuple[Float[Tensor, "b m kv"], ...]]:
        """Logits after `token`, and the keys and values of all words so far."""
        x, after = self._embedded(token[:, None], first=state[0].shape[1]), []
        for layer, source, past in zip(self._layers(), memory[1:], state, strict=True):
            x, kv = layer.look_back(x, None, past)
            x = layer.look_over(x, source, memory[0])
            after.append(kv)
        return product(x[:, 0], self.embed.weight, None), tuple(after)

    def alignment(self, source: TokenIds, target: TargetIds) -> Float[Tensor, "b m n"]:
        """Attention to the source in the last layer but one, mean of its heads.

        Of all layers that one tells best which words translate each other (Garg et al. 2019, arXiv:1909.02074,
        sec. 4.3).
        """
        memory = self.encode(source)
        x, later, chosen = self._embedded(target), self._later(target), max(0, len(self.decoder) - 2)
        for layer, keys in zip(self.decoder[:chosen], memory[1:], strict=False):
            x = layer(x, keys, memory[0], later)
        layer = self._layers()[chosen]
        return layer.cross.weights(layer.look_back(x, later)[0], memory[1 + chosen], memory[0])

    def _layers(self) -> list[DecoderLayer]:
        return [layer for layer in self.decoder if isinstance(layer, DecoderLayer)]

    def _embedded(self, tokens: TokenIds, first: int = 0) -> Tokens:
        words = self.embed(tokens) * sqrt(self.embed.embedding_dim)
        return self.drop(words + sines(first, tokens.shape[1], self.embed.embedding_dim, words))

    def _later(self, target: TargetIds) -> Float[Tensor, "n n"]:
        """What hides the words that come after each, padding behind the end with them."""
        places = target.shape[1]
        return self.embed.weight.new_full((places, places), float("-inf")).triu(1)


ARCHITECTURE = Architecture(
    model=Transformer,
    kind=Kind.TRANSFORMER,
    paper=Paper(title="Attention Is All You Need", authors="Vaswani et al.", year=2017, arxiv="1706.03762"),
    bias=(
        "None about order but what sines tell: any word may look at any other at once, by what both mean. All words "
        "are one step apart, however long the sentence, and each pair has its price."
    ),
    presets={
        "transformer_base": TransformerSpec(),
        "transformer_big": TransformerSpec(width=1024, num_heads=16, hidden=4096, drop_rate=0.3),
    },
    ours={"transformer_nano": TransformerSpec(width=128, depth=3, num_heads=4, hidden=512)},
)
