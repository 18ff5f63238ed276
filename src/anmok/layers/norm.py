"""Normalisation of feature maps."""

from einops import rearrange
from torch import nn

from anmok.shapes import FeatureMap


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each place of a feature map."""

    def forward(self, input: FeatureMap) -> FeatureMap:
        """The map with mean 0 and variance 1 at each place, before gain and bias."""
        return rearrange(super().forward(rearrange(input, "b c h w -> b h w c")), "b h w c -> b c h w")
