"""The blocks that a network is a chain of, and what they put out: for the zoo's networks and for any other."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import nn

from anmok.capture.layout import as_tensor
from anmok.shapes import Images

_CONTAINERS = (nn.Sequential, nn.ModuleList)


def find_blocks(network: nn.Module, images: Images) -> dict[str, nn.Module]:
    """The chain by name, in the order of execution. Run it inside `untouched`.

    Outermost modules whose class stands in the network at least twice (BasicBlock, TransformerEncoderLayer); one
    that holds a row of modules of one class is a stage, and its row is meant. What stands beside them in a list or a
    sequence, and has weights, belongs to the chain. A network without such a repetition is the chain of its layers
    with weights.
    """
    shapes = _shapes(network, images)
    names = {name: module for name, module in network.named_modules() if name in shapes}
    counts = Counter(type(m) for m in names.values() if _is_whole(m))
    repeated = {n: m for n, m in names.items() if _is_whole(m) and counts[type(m)] > 1}
    outermost = _outer(_lifted(network, _outer(repeated), names))
    found: dict[str, nn.Module] = {}
    for name, module in outermost.items():
        found |= _row(name, module, shapes) or {name: module}
    found |= _beside(network, outermost, names)
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

    def keep(name: str, module: nn.Module, inputs: Sequence[Any], named: Mapping[str, Any], output: Any) -> None:
        given, taken = as_tensor(output), as_tensor((*inputs, *named.values()))
        again.update({name} & found.keys())
        if given is not None and taken is not None:
            found[name] = taken.shape, given.shape

    with ExitStack() as hooks:
        for name, module in network.named_modules():
            hooks.callback(module.register_forward_hook(partial(keep, name), with_kwargs=True).remove)
        network(images[:1])
    return {name: shapes for name, shapes in found.items() if name not in again}


def _row(name: str, module: nn.Module, shapes: Mapping[str, tuple[torch.Size, torch.Size]]) -> dict[str, nn.Module]:
    """The row of modules of one class that a stage holds, in itself or in a list; empty where it is no stage.

    They have more than one layer each, and all but the first, which may halve the map, give the shape that they take.
    """
    lists = {f"{name}.{inner}": child for inner, child in module.named_children() if isinstance(child, _CONTAINERS)}
    for place, container in {name: module, **lists}.items():
        row = {f"{place}.{i}": child for i, child in container.named_children()}
        deep = all(sum(map(_is_layer, child.modules())) > 1 for child in row.values())
        kept = all(n in shapes for n in row) and all(shapes[n][0] == shapes[n][1] for n in list(row)[1:])
        if len(row) > 1 and deep and kept and len({type(child) for child in row.values()}) == 1:
            return row
    return {}


def _outer(modules: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Those that no other holds."""
    return {n: m for n, m in modules.items() if not any(n.startswith(f"{other}.") for other in modules)}


def _lifted(
    network: nn.Module, outermost: Mapping[str, nn.Module], names: Mapping[str, nn.Module]
) -> dict[str, nn.Module]:
    """A part of an element of a list (the squeeze-and-excitation of a block that is one of a kind) means the element.

    As long as most of the others stand elsewhere: a whole network may be an element too.
    """
    lists = {name for name, module in network.named_modules() if isinstance(module, _CONTAINERS)}
    found: dict[str, nn.Module] = {}
    for name, module in outermost.items():
        parts = name.split(".")
        above = [".".join(parts[:i]) for i in range(len(parts), 0, -1)]
        element = next((a for a in above if a.rpartition(".")[0] in lists and (a == name or a not in lists)), name)
        inside = sum(f"{other}.".startswith(f"{element}.") for other in outermost)
        lift = element in names and 2 * inside < len(outermost)
        found |= {element: names[element]} if lift else {name: module}
    return found


def _beside(
    network: nn.Module, outermost: Mapping[str, nn.Module], names: Mapping[str, nn.Module]
) -> dict[str, nn.Module]:
    """Elements with weights of the lists that hold the outermost blocks, and that hold none of them."""

    def holds(name: str) -> bool:
        return any(not name or f"{n}.".startswith(f"{name}.") for n in outermost)

    return {
        name: element
        for place, container in network.named_modules()
        if isinstance(container, _CONTAINERS) and place not in outermost and holds(place)
        for i, element in container.named_children()
        if (name := f"{place}.{i}" if place else i) in names and _mixes(element) and not holds(name)
    }


def _is_whole(module: nn.Module) -> bool:
    """Whether it is more than a layer and more than a list."""
    return type(module) not in _CONTAINERS and any(True for _ in module.children()) and _has_weights(module)


def _is_layer(module: nn.Module) -> bool:
    return not any(True for _ in module.children()) and any(p.ndim > 1 for p in module.parameters(recurse=False))


def _has_weights(module: nn.Module) -> bool:
    return any(p.ndim > 1 for p in module.parameters())


def _mixes(module: nn.Module) -> bool:
    """Whether it has weights, and not only tokens to add."""
    return any(p.ndim > 1 and len(p) > 1 for p in module.parameters())
