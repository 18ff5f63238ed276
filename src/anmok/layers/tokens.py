"""Tokens that remember the grid they were cut from."""

from typing import NamedTuple

import torch
from einops import rearrange

from anmok.shapes import FeatureMap, Tokens


class TokenGrid(NamedTuple):
    """Tokens of `height` x `width` places in row order, after any that have no place (a class token)."""

    tokens: Tokens
    height: int
    width: int

    def map(self) -> FeatureMap:
        """The tokens that have a place, as a feature map."""
        placed = self.tokens[:, self.tokens.shape[1] - self.height * self.width :]
        return rearrange(placed, "b (h w) d -> b d h w", h=self.height, w=self.width)

    def with_map(self, map: FeatureMap) -> "TokenGrid":
        """The same grid with other tokens at its places; those without a place stay."""
        placeless = self.tokens[:, : self.tokens.shape[1] - self.height * self.width]
        return self._replace(tokens=torch.cat((placeless, rearrange(map, "b d h w -> b (h w) d")), dim=1))
