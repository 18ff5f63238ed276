"""Numerics that several architectures share; nothing here knows an architecture or data."""

from anmok.layers.activation import Activation as Activation
from anmok.layers.attention import attend as attend
from anmok.layers.attention import check_heads as check_heads
from anmok.layers.autocast import for_products as for_products
from anmok.layers.ceil_max_pool import CeilMaxPool as CeilMaxPool
from anmok.layers.conv2d import Conv2d as Conv2d
from anmok.layers.conv_norm import ConvNorm as ConvNorm
from anmok.layers.deform_conv import DeformConv as DeformConv
from anmok.layers.deform_conv import deform_conv2d as deform_conv2d
from anmok.layers.drop_path import DropPath as DropPath
from anmok.layers.drop_path import drop_path_rates as drop_path_rates
from anmok.layers.initial import truncated_normal as truncated_normal
from anmok.layers.linear import Linear as Linear
from anmok.layers.local_response_norm import LocalResponseNorm as LocalResponseNorm
from anmok.layers.norm import ChannelNorm as ChannelNorm
from anmok.layers.padding import pad_to_multiple as pad_to_multiple
from anmok.layers.relative_bias import relative_bias as relative_bias
from anmok.layers.relative_bias import resample_relative_bias as resample_relative_bias
from anmok.layers.resample import resample as resample
from anmok.layers.rounding import round_depth as round_depth
from anmok.layers.rounding import round_width as round_width
from anmok.layers.same_conv import SameConv2d as SameConv2d
from anmok.layers.squeeze_excite import SqueezeExcite as SqueezeExcite
from anmok.layers.tokens import TokenGrid as TokenGrid
