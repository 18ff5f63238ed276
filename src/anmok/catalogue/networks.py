"""A name and what the data settles -> a network of any task."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from anmok.catalogue.names import require_network


def create_network(name: str, sizes: Mapping[str, int], *, drop_rate: float | None = None) -> Any:
    """Build a preset of the zoo in training mode, with random weights, whatever it reads.

    `sizes` is what its data settles, by the names of its arguments, such as vocabulary and num_classes. What is left
    out is as the preset has it.
    """
    preset = require_network(name)
    spec = preset.spec if drop_rate is None else replace(preset.spec, drop_rate=drop_rate)
    return preset.architecture.model(spec, **sizes)
