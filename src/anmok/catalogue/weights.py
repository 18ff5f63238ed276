"""Weight files -> our networks."""

import pickle
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import reduce
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Tensors, find_adapter
from anmok.errors import WeightsError

PICKLED = (".pth", ".pt", ".th", ".bin")
SUFFIXES = (".safetensors", ".npz", *PICKLED)
WRAPPERS = ("state_dict", "model")  # under which training scripts keep the weights beside other things

# Heads, one layer or several, have a row for each class; auxiliary ones may be missing, or more than ours.
HEAD = re.compile(r"(?:auxiliary\.[^.]+\.)?head\.")
AUXILIARY = "auxiliary."
COUNTER = "num_batches_tracked"  # old files have none

# What the readers raise on a file that was cut, altered, or holds code.
BROKEN = (
    SafetensorError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def load_weights(model: Backbone, path: Path, family: str) -> None:
    """Put a file's weights into a model of the zoo file `family`; see `read_weights` and `fit_weights`."""
    fit_weights(model, read_weights(path, family), family, source=path)


def read_weights(path: Path, family: str) -> dict[str, Tensor]:
    """The tensors of a file by our names, whether it has those of timm, torchvision, transformers, authors, or ours.

    Nothing in the file is ever executed.
    """
    return find_adapter(family).read(_read(path))


def count_classes(tensors: Tensors, head: str = "head.") -> int:
    """How many classes a head among tensors by our names has; 0 where there is no such head."""
    return next((x.shape[0] for name, x in tensors.items() if name.startswith(head) and x.ndim), 0)


def fit_weights(model: Backbone, tensors: Tensors, family: str, *, source: Path) -> None:
    """Put tensors by our names into a model, or raise `WeightsError` and change nothing.

    A head for another number of classes stays as it is in the model; for other input channels the first
    convolution's weights are summed (1 channel) or repeated and scaled; what belongs to a grid is resampled. All
    else must fit exactly, but for auxiliary heads, and what the family's adapter calls fresh where a file has none.
    """
    adapter = find_adapter(family)
    own = model.state_dict()
    heads = {match[0] for name in (*tensors, *own) if (match := HEAD.match(name))}
    others = tuple(head for head in heads if count_classes(tensors, head) != count_classes(own, head))
    found = {}
    for name, tensor in tensors.items():
        if name.startswith(others) or (name.startswith(AUXILIARY) and name not in own):
            continue
        found[name] = tensor
        if name in own and own[name].shape != tensor.shape and own[name].ndim == tensor.ndim:
            found[name] = adapter.resample(model, name, _adapt_channels(name, tensor, own[name]))
    fresh = {name for name in own if re.search(adapter.fresh, name)}
    fresh = set() if fresh & found.keys() else fresh
    optional = fresh | {name for name in own if name.startswith((*others, AUXILIARY)) or name.endswith(COUNTER)}
    problems = _misfits(found, own, optional)
    if problems:
        raise WeightsError(
            f"'{source}' does not fit this {type(model).__name__}: {'; '.join(problems)}. "
            f"Name a file that was saved from the same preset."
        )
    model.load_state_dict({**{name: own[name] for name in optional}, **found})


def _adapt_channels(name: str, weight: Tensor, target: Tensor) -> Tensor:
    """The first convolution's weights for other input channels: summed for one, else repeated and scaled."""
    other = (weight.shape[:1] == target.shape[:1]) and weight.shape[2:] == target.shape[2:]
    if not name.startswith("stem.") or weight.ndim != 4 or not other:
        return weight
    given, wanted = weight.shape[1], target.shape[1]
    if wanted == 1:
        return reduce(weight.float(), "o i h w -> o 1 h w", "sum")
    return weight.float()[:, torch.arange(wanted) % given] * (given / wanted)


def _misfits(found: Mapping[str, Tensor], own: Mapping[str, Tensor], optional: set[str]) -> list[str]:
    missing = [f"'{name}'" for name in own if name not in found and name not in optional]
    unknown = [f"'{name}'" for name in found if name not in own]
    shapes = [
        f"'{name}' is {_size(found[name])} and not {_size(tensor)}"
        for name, tensor in own.items()
        if name in found and found[name].shape != tensor.shape
    ]
    return [
        words + _some(items)
        for words, items in (("it lacks ", missing), ("it has unknown ", unknown), ("", shapes))
        if items
    ]


def _size(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - 3} more" if len(items) > 3 else ""
    return ", ".join(items[:3]) + more


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, by the names that it has."""
    if path.suffix not in SUFFIXES:
        raise WeightsError(f"Weights are read from {', '.join(SUFFIXES)} files: got '{path}'. Convert the file.")
    try:
        content = _READERS.get(path.suffix, _unpickle)(path)
    except FileNotFoundError:
        raise WeightsError(f"There is no weight file '{path}'. Check the path.") from None
    except BROKEN as e:
        reason = str(e).strip().partition("\n")[0].rstrip(".")
        raise WeightsError(f"'{path}' is damaged, or holds more than weights ({reason}). Fetch it again.") from e
    content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), dict)), content)
    tensors = {str(name).removeprefix("module."): x for name, x in content.items() if isinstance(x, Tensor)}
    if not tensors:
        raise WeightsError(f"'{path}' holds no tensors by name. Name a file that was saved from a state_dict.")
    return tensors


def _unzip(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _unpickle(path: Path) -> dict[Any, Any]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    return content if isinstance(content, dict) else {}


_READERS: dict[str, Callable[[Path], dict[Any, Any]]] = {".safetensors": load_file, ".npz": _unzip}
