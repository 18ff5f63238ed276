"""Weight files -> our networks."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from einops import reduce
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import find_adapter
from anmok.errors import WeightsError

PICKLED = (".pth", ".pt", ".bin")
WRAPPERS = ("state_dict", "model")  # under which training scripts keep the weights beside other things

# What the readers raise on a file that was cut, altered, or holds code.
BROKEN = (
    SafetensorError,
    pickle.UnpicklingError,
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
    """Put a file's weights into a model of the zoo file `family`, or raise `WeightsError` and change nothing.

    Names may be timm's, a CMT's authors', or ours. A head for another number of classes stays as it is in the
    model; for other input channels the first convolution's weights are summed (1 channel) or repeated and
    scaled; position embeddings and CMT's position biases are resampled. All else must fit exactly. Nothing
    in the file is ever executed.
    """
    adapter = find_adapter(family)
    renamed = adapter.read(_read(path))
    own = model.state_dict()
    found = {}
    for name, tensor in renamed.items():
        if name.startswith("head.") and _is_other_head(renamed, model):
            continue
        found[name] = tensor
        if name in own and own[name].shape != tensor.shape and own[name].ndim == tensor.ndim:
            found[name] = adapter.resample(model, name, _adapt_channels(name, tensor, own[name]))
    optional = {name for name in own if name.endswith("num_batches_tracked")}
    optional |= {name for name in own if name.startswith("head.") and _is_other_head(renamed, model)}
    problems = _misfits(found, own, optional)
    if problems:
        raise WeightsError(
            f"'{path}' does not fit this {type(model).__name__}: {'; '.join(problems)}. "
            f"Name a file that was saved from the same preset."
        )
    model.load_state_dict({**{name: own[name] for name in optional}, **found})


def _is_other_head(tensors: Mapping[str, Tensor], model: Backbone) -> bool:
    head = tensors.get("head.weight")
    return model.num_classes == 0 or (head is not None and head.shape[:1] != (model.num_classes,))


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
    """The tensors of a file, by name."""
    if path.suffix not in (".safetensors", *PICKLED):
        raise WeightsError(
            f"Weights are read from .safetensors, {', '.join(PICKLED)} files: got '{path}'. Convert the file."
        )
    try:
        content: dict[Any, Any] = load_file(path) if path.suffix == ".safetensors" else _unpickle(path)
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


def _unpickle(path: Path) -> dict[Any, Any]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    return content if isinstance(content, dict) else {}
