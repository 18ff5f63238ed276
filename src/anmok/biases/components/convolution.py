"""Neighbours alone, and everywhere alike."""

from functools import partial
from itertools import pairwise
from typing import Literal

from einops import rearrange
from torch import Tensor, nn

from anmok.biases.entities import Adjacency, Answer, Entities, as_grid

_LAYERS = 3  # a receptive field of 7


class Convolution(nn.Module):
    """Three convolutions over 3 places, or 3 x 3 on a grid.

    Padded by zeros, which tell a place how far the border is (Islam et al. 2020, arXiv:2001.08248), or around.
    """

    def __init__(self, entities: Entities, width: int, *, padding: Literal["zeros", "circular"]) -> None:
        super().__init__()
        self.rows = entities.rows
        kind = nn.Conv1d if self.rows is None else nn.Conv2d
        widths = (entities.c, *(width,) * _LAYERS)
        self.layers = nn.Sequential(
            *(
                layer
                for inside, outside in pairwise(widths)
                for layer in (kind(inside, outside, 3, padding=1, padding_mode=padding), nn.ReLU())
            )
        )
        self.answer = Answer(width, entities)

    def forward(self, x: Tensor, adjacency: Adjacency = None) -> Tensor:
        """The answers."""
        given = rearrange(x, "b n c -> b c n") if self.rows is None else as_grid(x, self.rows)
        return self.answer(rearrange(self.layers(given).flatten(2), "b d n -> b n d"))


zero_padded = partial(Convolution, padding="zeros")
circular = partial(Convolution, padding="circular")
