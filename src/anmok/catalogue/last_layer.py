"""The last layer of networks that show logits only, and the depth of their other layers."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

_NUMBERED = 2  # names of blocks have so many numbers at most: that of a stage and that in it


class LastLayer(NamedTuple):
    """The linear layer that gives the logits."""

    name: str
    module: nn.Linear


def find_last_layer(network: nn.Module, images: Tensor) -> LastLayer | None:
    """The linear layer whose output is the network's, seen in one pass; None where something else comes after it."""
    given: dict[int, LastLayer] = {}  # by where its output lies
    kept: list[Tensor] = []  # else another output might come to lie there

    def listen(layer: LastLayer) -> Any:
        def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
            kept.append(output)
            given[output.data_ptr()] = layer

        return layer.module.register_forward_hook(note)

    hooks = [listen(LastLayer(n, m)) for n, m in network.named_modules() if isinstance(m, nn.Linear)]
    try:
        with torch.no_grad():
            return given.get(logits_of(network(images)).data_ptr())
    finally:
        for hook in hooks:
            hook.remove()


def input_of(layer: nn.Linear, network: nn.Module, images: Tensor) -> Float[Tensor, "b d"]:
    """What goes into a layer of a network."""
    seen: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        network(images)
    finally:
        hook.remove()
    return seen[-1]


def depth_patterns(names: Iterable[str], last: str) -> dict[str, list[tuple[str, None]]]:
    """Patterns as timm's networks give them, for parameters in the order in which a network has them.

    A layer is what has the same numbers in its name, such as `encoder.stages.1.layers.0`; a name without numbers
    belongs with those before it, and what comes before all numbers is the stem. The last layer is left to no pattern.
    """
    layers: dict[str, list[tuple[str, None]]] = {}
    current = "stem"
    for name in names:
        parts = name.split(".")
        numbers = [i for i, part in enumerate(parts) if part.isdigit()][:_NUMBERED]
        if name.startswith(f"{last}."):
            continue
        if numbers:
            current = ".".join(parts[: numbers[-1] + 1])
        layers.setdefault(current, []).append((f"{re.escape(name)}$", None))
    return layers


def logits_of(output: Any) -> Any:
    """Some networks wrap their logits, together with more."""
    return getattr(output, "logits", output)
