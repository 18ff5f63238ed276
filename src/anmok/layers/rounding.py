"""How numbers of layers and channels are rounded when a network is scaled."""

from math import ceil


def round_width(width: float, multiple: int = 8) -> int:
    """The nearest multiple, or the next one where that loses more than a tenth of the channels.

    As all of Google's mobile networks are rounded; Tan & Le 2019, arXiv:1905.11946, authors' code.
    """
    rounded = max(multiple, int(width + multiple / 2) // multiple * multiple)
    return rounded if rounded >= 0.9 * width else rounded + multiple


def round_depth(depth: float) -> int:
    """The next whole number of layers; what is a whole number but for the error of floats stays."""
    return max(1, ceil(depth - 1e-9))
