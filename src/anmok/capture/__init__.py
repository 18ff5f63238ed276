"""What goes on inside any network while it answers, and nothing of it changed."""

from anmok.capture.attention import captured_attention as captured_attention
from anmok.capture.blocks import find_blocks as find_blocks
from anmok.capture.blocks import outputs as outputs
from anmok.capture.layout import as_map as as_map
from anmok.capture.layout import as_tensor as as_tensor
from anmok.capture.layout import flatten_places as flatten_places
from anmok.capture.layout import grid_of as grid_of
from anmok.capture.layout import pixel_centres as pixel_centres
from anmok.capture.untouched import untouched as untouched
