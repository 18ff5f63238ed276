"""The blocks that a network is a chain of, and what they put out: for the zoo's networks and for any other."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from anmok.capture.layout import as_tensor
from anmok.shapes import Images

_CONTAINERS = (nn.Sequential, nn.ModuleList)


def find_blocks(network: nn.Module, images: Images) -> dict[str, nn.Module]:
    """The chain by name, in the order of execution.

    Outermost modules whose class stands in the network at least twice (BasicBlock, TransformerEncoderLayer); one
    that holds a row of modules of one class which all keep the shape is a stage, and its row is meant. A network
    without such a repetition is the chain of its layers with weights.
    """
    shapes = _shapes(network, images)
    names = {name: module for name, module in network.named_modules() if name in shapes}
    counts = Counter(type(m) for m in names.values() if _is_whole(m))
    repeated = {n: m for n, m in names.items() if _is_whole(m) and counts[type(m)] > 1}
    outermost = {n: m for n, m in repeated.items() if not any(n.startswith(f"{other}.") for other in repeated)}
    found: dict[str, nn.Module] = {}
    for name, module in outermost.items():
        found |= _row(name, module, shapes) or {name: module}
    if len(found) < 2:
        found = {n: m for n, m in names.items() if _is_layer(m)}
    return {n: found[n] for n in shapes if n in found}


def outputs(network: nn.Module, images: Images, modules: Mapping[str, nn.Module]) -> dict[str, Any]:
    """What modules put out for some images; of a module that is called several times the last. Keeps the graph."""
    found: dict[str, Any] = {}

    def keep(name: str, *call: Any) -> None:
        found[name] = call[-1]

    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.callback(module.register_forward_hook(partial(keep, name)).remove)
        network(images)
    return found


@torch.no_grad()
def _shapes(network: nn.Module, images: Images) -> dict[str, tuple[torch.Size, torch.Size]]:
    """Shapes in and out of every module that takes and gives a tensor once, in the order in which they end."""
    found: dict[str, tuple[torch.Size, torch.Size]] = {}
    again: set[str] = set()

    def keep(name: str, module: nn.Module, inputs: Sequence[Any], output: Any) -> None:
        given, taken = as_tensor(output), as_tensor(tuple(inputs))
        again.update({name} & found.keys())
        if isinstance(given, Tensor) and isinstance(taken, Tensor):
            found[name] = taken.shape, given.shape

    with ExitStack() as hooks:
        for name, module in network.named_modules():
            hooks.callback(module.register_forward_hook(partial(keep, name)).remove)
        network(images[:1])
    return {name: shapes for name, shapes in found.items() if name not in again}


def _row(name: str, module: nn.Module, shapes: Mapping[str, tuple[torch.Size, torch.Size]]) -> dict[str, nn.Module]:
    """The row of shape-keeping modules that a stage holds; empty where the module is no stage."""
    for inner, container in module.named_children():
        if not isinstance(container, _CONTAINERS):
            continue
        row = {f"{name}.{inner}.{i}": child for i, child in container.named_children()}
        whole = all(_is_whole(child) for child in row.values())
        kept = all(n in shapes and shapes[n][0] == shapes[n][1] for n in row)
        if len(row) > 1 and whole and kept and len({type(child) for child in row.values()}) == 1:
            return row
    return {}


def _is_whole(module: nn.Module) -> bool:
    """Whether it is more than a layer and more than a list."""
    return type(module) not in _CONTAINERS and any(True for _ in module.children()) and _has_weights(module)


def _is_layer(module: nn.Module) -> bool:
    return not any(True for _ in module.children()) and any(p.ndim > 1 for p in module.parameters(recurse=False))


def _has_weights(module: nn.Module) -> bool:
    return any(p.ndim > 1 for p in module.parameters())
