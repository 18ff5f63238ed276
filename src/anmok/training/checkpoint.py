"""What a training needs to go on after `kill -9`: one safetensors file, replaced atomically."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer


def write_checkpoint(
    path: Path, network: nn.Module, optimizer: Optimizer, best: dict[str, Tensor], progress: dict[str, Any]
) -> None:
    """Store weights, optimiser state, the best weights so far and the loop's own numbers (JSON)."""
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items() if isinstance(v, Tensor)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, partial, {"progress": json.dumps(progress)})
    partial.replace(path)


def read_checkpoint(path: Path, network: nn.Module, optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Put the stored state into the network and the optimiser; return the best weights and the loop's numbers."""
    device = next(network.parameters()).device
    groups: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "optimizer": {}}
    with safe_open(path, framework="pt", device=str(device)) as file:
        progress = json.loads(file.metadata()["progress"])
        for key in file.keys():  # noqa: SIM118 - not a dict
            group, _, name = key.partition(".")
            groups[group][name] = file.get_tensor(key)
    network.load_state_dict(groups["network"])
    params = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in groups["optimizer"].items():
        index, _, name = key.partition(".")
        # A fused optimiser walks weights and moments alike, so the moments need the weights' memory layout.
        like = params[int(index)]
        kept = torch.empty_like(like).copy_(value) if value.shape == like.shape else value.cpu()
        state.setdefault(int(index), {})[name] = kept
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return {k: torch.clone(v) for k, v in groups["best"].items()}, progress
