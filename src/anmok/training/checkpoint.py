"""What a training needs to go on after `kill -9`: one safetensors file, replaced atomically."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from anmok.data.atomic import written_whole
from anmok.errors import TrainingError
from anmok.training.distributed import is_first
from anmok.training.sharded import part_like, whole


class State(NamedTuple):
    """All tensors that a training changes."""

    network: nn.Module
    optimizer: Optimizer
    mean: nn.Module | None  # of the weights
    best: dict[str, Tensor]  # weights so far


def write_checkpoint(path: Path, state: State, progress: dict[str, Any]) -> None:
    """Store the state and the loop's own numbers (JSON), whichever processes have which parts of it.

    Where they have parts, all of them take part, and the first one writes.
    Raises `OSError` when the file cannot be written; one that was there before stays whole.
    """
    tensors = {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in state.best.items()}
    if state.mean is not None:
        tensors |= {f"mean.{k}": v for k, v in state.mean.state_dict().items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in moments.items() if isinstance(v, Tensor)}
    stored = {}
    for name, tensor in tensors.items():
        value = whole(tensor.detach())
        if is_first():
            stored[name] = value.cpu().contiguous()
    if not is_first():
        return
    try:
        with written_whole(path) as partial:
            save_file(stored, partial, {"progress": json.dumps(progress)})
    except SafetensorError as error:
        raise OSError(str(error)) from error


def read_checkpoint(path: Path, state: State) -> dict[str, Any]:
    """Put what was stored into the state, or this process's parts of it; the loop's numbers.

    Raises `TrainingError` where the file does not belong to this training.
    """
    places = state.network.state_dict()
    groups: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "mean": {}, "optimizer": {}}
    try:
        with safe_open(path, framework="pt") as file:
            progress: dict[str, Any] = json.loads(file.metadata()["progress"])
            for key in file.keys():  # noqa: SIM118 - not a dict
                group, _, name = key.partition(".")
                groups[group][name] = file.get_tensor(key)
        state.network.load_state_dict(_parts(groups["network"], places))
        if state.mean is not None:
            state.mean.load_state_dict(_parts(groups["mean"], state.mean.state_dict()))
        best = _parts(groups["best"], places)
        _fill(state.optimizer, groups["optimizer"])
    except (SafetensorError, KeyError, ValueError, RuntimeError, IndexError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(":.")
        raise TrainingError(
            f"The checkpoint '{path}' does not belong to this training ({reason}). Delete it to train from the start."
        ) from error
    state.best.clear()
    state.best.update({name: value.clone() for name, value in best.items()})
    return progress


def _parts(stored: dict[str, Tensor], places: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of each the part of this process; what has no place is left for the network to complain of."""
    return {name: part_like(value, places[name]) if name in places else value for name, value in stored.items()}


def _fill(optimizer: Optimizer, stored: dict[str, Tensor]) -> None:
    params = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in stored.items():
        index, _, name = key.partition(".")
        # A fused optimiser walks weights and moments alike, so the moments need the weights' memory layout.
        like = params[int(index)]
        kept = torch.empty_like(like).copy_(part_like(value, like)) if value.shape == like.shape else value
        state.setdefault(int(index), {})[name] = kept
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
