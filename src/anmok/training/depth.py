"""Which layer of a network each parameter belongs to."""

import re
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, NamedTuple

from torch import nn

_WITH_THE_LAYER_BEFORE = 99999.0  # timm's sign in a pattern's suffix
_HEAD = (inf,)


class Layers(NamedTuple):
    """The layers of a network, counted from the input."""

    numbers: dict[str, int]  # by the parameter's name
    head: frozenset[str]  # names of the last layer's parameters

    @property
    def last(self) -> int:
        """The number of the last layer."""
        return max(self.numbers.values())


def find_layers(network: nn.Module) -> Layers | None:
    """Sort the parameters by the patterns that the network, or a network inside it, gives; None where none does."""
    prefix, inner = outermost(network, "group_matcher")
    if inner is None:
        return None
    matched = sort_by_depth((name for name, _ in inner.named_parameters()), inner.group_matcher())
    others = {name for name, _ in network.named_parameters() if not name.startswith(prefix)}
    numbers = {prefix + name: number for name, number in matched.numbers.items()}
    numbers |= dict.fromkeys(others, max(numbers.values()))
    return Layers(numbers, frozenset({prefix + name for name in matched.head} | others))


def sort_by_depth(names: Iterable[str], patterns: Mapping[str, Any]) -> Layers:
    """Number the layers as timm does: by the pattern's rank, then by the numbers that it finds in the name.

    A pattern is an expression, or a list of expressions, each with a suffix of numbers or None. What no pattern
    fits is the head.
    """
    compiled = [
        (re.compile(expression), (float(rank), *(suffix or ())))
        for rank, given in enumerate(patterns.values())
        for expression, suffix in ([(given, None)] if isinstance(given, str) else given or ())
    ]
    keys = {name: _key(name, compiled) for name in names}
    numbers, number = {}, -1
    for key in sorted(set(keys.values())):
        number += int(number < 0 or key[-1] != _WITH_THE_LAYER_BEFORE)
        numbers[key] = number
    return Layers(
        {name: numbers[key] for name, key in keys.items()},
        frozenset(name for name, key in keys.items() if key == _HEAD),
    )


def outermost(network: nn.Module, method: str) -> tuple[str, Any]:
    """The first module, from the outside in, that has a method, and the prefix of its parameters' names.

    Classifiers, data-parallel and compiled networks wrap the one that knows.
    """
    for name, module in network.named_modules():
        if hasattr(module, method):
            return f"{name}." if name else "", module
    return "", None


def _key(name: str, compiled: list[tuple[re.Pattern[str], tuple[float, ...]]]) -> tuple[float, ...]:
    for pattern, (rank, *suffix) in compiled:
        if match := pattern.match(name):
            return (rank, *(float(group) for group in match.groups() if group is not None), *suffix)
    return _HEAD
