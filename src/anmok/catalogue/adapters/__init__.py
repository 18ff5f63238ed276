"""Other people's files -> our tensors: one module per family, each with an `ADAPTER`."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isqrt

import torch
from torch import Tensor

from anmok.backbone import Backbone
from anmok.errors import WeightsError

Tensors = Mapping[str, Tensor]


def _as_they_are(tensors: Tensors) -> Tensors:
    return tensors


def _keep(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one publisher names a family's tensors, and in what form they are stored."""

    mark: str = ""  # pattern of a name that tells this layout from the family's others
    convert: Callable[[Tensors], Tensors] = _as_they_are  # what is stored in another form, before it is renamed
    renames: tuple[tuple[str, str], ...] = ()  # patterns and what to put in their place, applied in this order
    ignored: str = r"$."  # pattern of names that hold nothing learnt

    def read(self, tensors: Tensors) -> dict[str, Tensor]:
        """The tensors by our names; a name that no rule matches stays."""
        return {self._rename(k): v for k, v in self.convert(tensors).items() if not re.search(self.ignored, k)}

    def _rename(self, name: str) -> str:
        for pattern, replacement in self.renames:
            name = re.sub(pattern, replacement, name)
        return name


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """How to read one family's public files: those of timm, torchvision, transformers, its authors."""

    layouts: tuple[Layout, ...] = ()
    resample: Callable[[Backbone, str, Tensor], Tensor] = _keep  # to the grid that the model is built for; our names
    fresh: str = r"$."  # pattern of our names that a file may lack, all of them or none: these stay as they are

    def read(self, tensors: Tensors) -> dict[str, Tensor]:
        """The tensors by our names, by the first layout whose mark is found; else the names are ours already."""
        for layout in self.layouts:
            if any(re.search(layout.mark, name) for name in tensors):
                return layout.read(tensors)
        return dict(tensors)


def find_adapter(family: str) -> Adapter:
    """The family's adapter; one that has none reads files with our own names only."""
    if family not in {module.name for module in pkgutil.iter_modules(__path__)}:
        return Adapter()
    adapter: Adapter = importlib.import_module(f"{__name__}.{family}").ADAPTER
    return adapter


def join_qkv(tensors: Tensors) -> Tensors:
    """The tensors; of an attention's queries, keys and values, where a file has each alone, one tensor `qkv`."""
    joined, parts = {}, dict[str, dict[str, Tensor]]()
    for name, tensor in tensors.items():
        match = re.fullmatch(r"(.*\.)(q|k|v)(?:uery|ey|alue|_proj)\.(weight|bias)", name)
        if match is None:
            joined[name] = tensor
        else:
            parts.setdefault(f"{match[1]}qkv.{match[3]}", {})[match[2]] = tensor
    return joined | {name: torch.cat([of[letter] for letter in "qkv" if letter in of]) for name, of in parts.items()}


def square_grid(name: str, places: int) -> tuple[int, int]:
    """A file says how many places there are and not in how many rows; public ones are square."""
    side = isqrt(places)
    if places < 1 or side * side != places:
        raise WeightsError(
            f"Only square grids are resampled to another size: '{name}' has {places} places. "
            f"Build the model for the image size that the weights were trained with."
        )
    return side, side
