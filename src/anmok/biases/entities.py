"""What a building block is made for, and the plain networks that are made of it."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.errors import RequestError

Adjacency: TypeAlias = Float[Tensor, "b n n"] | None  # 1 where column's entity acts on row's; None where not given


@dataclass(frozen=True, kw_only=True)
class Entities:
    """Entities `x` (b, n, c) and what is asked about them: `out` numbers of each, or of all together."""

    n: int
    c: int
    out: int
    pooled: bool = False  # one answer (b, out) for all entities, not one for each (b, n, out)
    rows: int | None = None  # of a grid that the entities fill row by row; None: they follow one another

    @property
    def answer(self) -> tuple[int, ...]:
        """The shape of one sample's answer."""
        return (self.out,) if self.pooled else (self.n, self.out)


@runtime_checkable
class Make(Protocol):
    """Makes an untrained network `(x, adjacency) -> answers` of a given width; picklable, hence a module's function."""

    def __call__(self, entities: Entities, width: int) -> nn.Module:
        """The network, its weights drawn from torch's random numbers."""
        ...


@dataclass(frozen=True, kw_only=True)
class Component:
    """A building block whose relational inductive bias is measured."""

    name: str
    make: Make
    has_width: bool = True  # else the width is ignored, and so is what others have for parameters
    reads_adjacency: bool = False  # else a graph's adjacency rows are appended to its nodes' features


class Answer(nn.Module):
    """The last layer: one linear map of every entity, or of the mean and maximum over all."""

    def __init__(self, width: int, entities: Entities) -> None:
        super().__init__()
        self.pooled = entities.pooled
        self.linear = nn.Linear(2 * width if self.pooled else width, entities.out)

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b ..."]:
        """The answers."""
        return self.linear(pool(x) if self.pooled else x)


def pool(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b d2"]:
    """Mean and maximum over the entities, side by side."""
    return torch.cat((reduce(x, "b n d -> b d", "mean"), reduce(x, "b n d -> b d", "max")), dim=1)


def as_grid(x: Float[Tensor, "b n c"], rows: int) -> Float[Tensor, "b c h w"]:
    """The entities as a map."""
    return rearrange(x, "b (h w) c -> b c h w", h=rows)


def as_seen(
    component: Component, x: Float[Tensor, "b n c"], adjacency: Adjacency
) -> tuple[Float[Tensor, "b n _"], Adjacency]:
    """Entities and relations as the component takes them."""
    if adjacency is None or component.reads_adjacency:
        return x, adjacency
    return torch.cat((x, adjacency), dim=2), None


class FixedSizeError(RequestError):
    """A network that was made for another number of entities."""
