"""Numerics that several architectures share; nothing here knows an architecture or data."""

from anmok.layers.attention import attend as attend
from anmok.layers.attention import check_heads as check_heads
from anmok.layers.conv_norm import ConvNorm as ConvNorm
from anmok.layers.drop_path import DropPath as DropPath
from anmok.layers.drop_path import drop_path_rates as drop_path_rates
from anmok.layers.initial import truncated_normal as truncated_normal
from anmok.layers.norm import ChannelNorm as ChannelNorm
from anmok.layers.padding import pad_to_multiple as pad_to_multiple
from anmok.layers.squeeze_excite import SqueezeExcite as SqueezeExcite
from anmok.layers.tokens import TokenGrid as TokenGrid
