"""A building block of the user's own, named module:callable.

`make(n, c, out)` gives a module that maps x (b, n, c) to (b, n, out): entities row by row where they are a grid, which
has `rows` rows. Where one answer is asked of all entities, the mean over them is taken, unless the module gives
(b, out). If its forward takes a second argument, that is the adjacency (b, n, n) of graphs and None elsewhere.
"""

import inspect
from dataclasses import dataclass

from torch import Tensor, nn

from anmok.biases.entities import Adjacency, Component, Entities
from anmok.catalogue.makers import FAULTS, reason
from anmok.catalogue.sources import find_callable
from anmok.errors import AnmokError, RequestError


def read_component(name: str) -> Component:
    """The component that module:callable makes; raises an `AnmokError` where it makes none."""
    make = _Named(name)
    try:
        trial = make(Entities(n=16, c=4, out=2), 0).network
    except AnmokError:
        raise
    except FAULTS as error:
        raise RequestError(
            f"A component is made by make(n, c, out): {name}(16, 4, 2) raised {reason(error)}. Mend it."
        ) from error
    return Component(name=name, make=make, has_width=False, reads_adjacency=_takes_two(trial))


@dataclass(frozen=True)
class _Named:
    """Found by name again wherever it is called, so that it can be sent to another process."""

    name: str

    def __call__(self, entities: Entities, width: int) -> "_Adapted":
        network = find_callable(self.name)(entities.n, entities.c, entities.out)
        if not isinstance(network, nn.Module):
            raise RequestError(f"'{self.name}' must make a torch.nn.Module: got {type(network).__name__}.")
        return _Adapted(network, pooled=entities.pooled)


class _Adapted(nn.Module):
    def __init__(self, network: nn.Module, *, pooled: bool) -> None:
        super().__init__()
        self.network, self.pooled, self.reads_adjacency = network, pooled, _takes_two(network)

    def forward(self, x: Tensor, adjacency: Adjacency = None) -> Tensor:
        answers = self.network(x, adjacency) if self.reads_adjacency else self.network(x)
        return answers.mean(1) if self.pooled and answers.ndim == 3 else answers


def _takes_two(network: nn.Module) -> bool:
    try:
        parameters = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):  # some callables do not tell
        return False
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters) > 1
