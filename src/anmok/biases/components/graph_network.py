"""Those that an edge joins, whatever their order."""

from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from anmok.biases.entities import Adjacency, Entities, pool

_ROUNDS = 3  # as far as three convolutions
_OFFSETS = 9  # to the places of 3 x 3, so that edges know their direction; the middle one says nothing


class Edges(NamedTuple):
    """The edges of all graphs of a batch, whose nodes are counted through."""

    receivers: Int[Tensor, " e"]
    senders: Int[Tensor, " e"]
    kinds: Int[Tensor, " one"]  # of the edges of one sample, which repeat; or one kind for all


class GraphNetwork(nn.Module):
    """Three blocks that update edges, then nodes; then comes the global attribute, which is the pooled answer.

    Battaglia et al. 2018, arXiv:1806.01261, algorithm 1, edges summed at their receiver. Departs from it: the global
    attribute is updated last and once, so that what a node answers comes from its neighbourhood alone. Without an
    adjacency, edges join the eight neighbours on a grid, or those that follow one another.
    """

    def __init__(self, entities: Entities, width: int) -> None:
        super().__init__()
        self.rows, self.pooled = entities.rows, entities.pooled
        self.embed = nn.Linear(entities.c, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(_ROUNDS))
        inside = 2 * width if self.pooled else width
        self.answer = nn.Sequential(nn.Linear(inside, width), nn.ReLU(), nn.Linear(width, entities.out))

    def forward(self, x: Tensor, adjacency: Adjacency = None) -> Tensor:
        """The answers."""
        batch, n, _ = x.shape
        edges = _neighbours(batch, n, self.rows) if adjacency is None else _given(adjacency)
        nodes = self.embed(x).flatten(0, 1)
        for block in self.blocks:
            nodes = block(nodes, edges)
        nodes = nodes.unflatten(0, (batch, n))
        return self.answer(pool(nodes) if self.pooled else nodes)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.receiver, self.sender = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.kind = nn.Embedding(_OFFSETS, width)
        self.node = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, nodes: Float[Tensor, "m d"], edges: Edges) -> Float[Tensor, "m d"]:
        ends = self.receiver(nodes).index_select(0, edges.receivers)
        ends = ends + self.sender(nodes).index_select(0, edges.senders)
        said = ends.unflatten(0, (-1, len(edges.kinds))).add(self.kind(edges.kinds)).relu().flatten(0, 1)
        heard = torch.zeros_like(nodes).index_add(0, edges.receivers, said)
        return nodes + self.node(torch.cat((nodes, heard), dim=1))


def _given(adjacency: Float[Tensor, "b n n"]) -> Edges:
    graph, receiver, sender = adjacency.nonzero(as_tuple=True)
    first = graph * adjacency.shape[1]
    return Edges(first + receiver, first + sender, torch.tensor([_OFFSETS // 2]))


@lru_cache(maxsize=16)
def _neighbours(batch: int, n: int, rows: int | None) -> Edges:
    """The same edges in every sample."""
    shape = (1, n) if rows is None else (rows, n // rows)
    places = torch.cartesian_prod(torch.arange(shape[0]), torch.arange(shape[1]))
    offsets = places[None] - places[:, None]  # from receiver to sender
    receiver, sender = (offsets.abs().amax(2) == 1).nonzero(as_tuple=True)
    kinds = (offsets[receiver, sender] + 1) @ torch.tensor([3, 1])
    first = torch.arange(batch).repeat_interleave(len(receiver)) * n
    return Edges(first + receiver.repeat(batch), first + sender.repeat(batch), kinds)
