"""Padding of feature maps whose sides do not divide evenly."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from anmok.shapes import FeatureMap


def pad_to_multiple(x: FeatureMap, height: int, width: int) -> Float[Tensor, "b c rows columns"]:
    """Append rows and columns of zeros until `height` divides the rows and `width` the columns."""
    rows, columns = -x.shape[2] % height, -x.shape[3] % width
    return pad(x, (0, columns, 0, rows)) if rows or columns else x
