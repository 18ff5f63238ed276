"""Every entity with every entity, by what they hold."""

from functools import partial

import torch
from einops.layers.torch import Rearrange
from torch import Tensor, nn

from anmok.biases.entities import Adjacency, Answer, Entities, FixedSizeError
from anmok.layers.attention import attend

POSITIONS = 64  # in the table, or as many as there are entities
_BLOCKS, _HEADS = 2, 2


class Attention(nn.Module):
    """Two blocks of a Transformer's encoder, normed first, with learned positions or none."""

    def __init__(self, entities: Entities, width: int, *, positions: bool) -> None:
        super().__init__()
        width += width % _HEADS
        self.embed = nn.Linear(entities.c, width)
        self.positions = nn.Parameter(0.4 * torch.randn(max(POSITIONS, entities.n), width)) if positions else None
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(_BLOCKS)), nn.LayerNorm(width))
        self.answer = Answer(width, entities)

    def forward(self, x: Tensor, adjacency: Adjacency = None) -> Tensor:
        """The answers."""
        tokens = self.embed(x)
        if self.positions is not None:
            if x.shape[1] > len(self.positions):
                raise FixedSizeError(f"There are {len(self.positions)} learned positions: got {x.shape[1]} entities.")
            tokens = tokens + self.positions[: x.shape[1]]
        return self.answer(self.blocks(tokens))


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Sequential(nn.Linear(width, 3 * width), Rearrange("b n (s d) -> s b n d", s=3))
        self.project = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.project(attend(*self.qkv(self.norm(x)), num_heads=_HEADS))
        return x + self.mlp(x)


with_positions = partial(Attention, positions=True)
without_positions = partial(Attention, positions=False)
