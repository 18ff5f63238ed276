"""What could tell a network where in the image it looks: a table of positions, or zeros around a map."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from anmok.capture.layout import as_map
from anmok.shapes import FeatureMap

_NAMED_SO = re.compile(r"(^|[._])pos(?!t)", re.IGNORECASE)  # positions, pos_embed, position_embeddings
_RELATIVE = re.compile(r"rel|bias", re.IGNORECASE)  # of pairs of places, not of places
_CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)


class PositionTable(NamedTuple):
    """What is added to the tokens of every image."""

    name: str  # of the parameter or buffer
    places: FeatureMap  # one map, on the grid that it was made for


def find_position_table(network: nn.Module, size: tuple[int, int]) -> PositionTable | None:
    """The largest parameter or buffer that is called positions and fits a grid of the image; None where none does.

    Tables of relative positions are none. One that is computed in every pass, as some sinusoids are, is not found.
    """
    found = []
    for name, tensor in chain(network.named_parameters(), network.named_buffers()):
        owner, _, own = name.rpartition(".")
        is_table = own != "weight" or isinstance(network.get_submodule(owner), nn.Embedding)
        if is_table and _NAMED_SO.search(name) and not _RELATIVE.search(name):
            places = as_map(_one_image(tensor.detach()), size)
            if places is not None and len(places) == 1:
                found.append(PositionTable(name, places))
    return max(found, key=lambda table: table.places.shape[2:].numel(), default=None)


def _one_image(table: Tensor) -> Tensor:
    return table[None] if table.ndim == 2 else table


@contextmanager
def zero_padding() -> Iterator[list[str]]:
    """The word for every torch function inside that puts zeros around a map: `pad`, and convolutions that pad."""
    found: list[str] = []
    with _Padding(found):
        yield found


class _Padding(TorchFunctionMode):
    """Sees every call of a torch function."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self._found = found

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _CONVOLUTIONS:
            width = kwargs.get("padding", args[4] if len(args) > 4 else 0)
            if width == "same" or (width != "valid" and any(width if isinstance(width, Sequence) else [width])):
                self._found.append("convolution")
        elif func is F.pad:
            width = kwargs.get("pad", args[1] if len(args) > 1 else ())
            mode = kwargs.get("mode", args[2] if len(args) > 2 else "constant")
            if mode == "constant" and any(side > 0 for side in width):
                self._found.append("pad")
        return func(*args, **kwargs)
