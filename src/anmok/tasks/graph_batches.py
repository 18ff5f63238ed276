"""Graphs side by side, batch after batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor

from anmok.backbone import Graphs
from anmok.data import WHOLE, Order, Part
from anmok.data.graph_data import GraphData
from anmok.shapes import Labels


@dataclass(frozen=True)
class GraphExamples:
    """Graphs, and the labels of them all, or of the nodes that `rows` names: those stay together in one example."""

    graphs: Graphs
    labels: Labels
    rows: Int[Tensor, " b"] | None = None

    def __len__(self) -> int:
        return len(self.labels) if self.rows is None else min(1, len(self.labels))

    @property
    def weight(self) -> int:
        """Graphs or nodes."""
        return len(self.labels)

    def to(self, device: torch.device) -> "GraphExamples":
        """The same on a device."""
        nodes, senders, receivers, graph_of = (part.to(device) for part in self.graphs[:4])
        edges = None if self.graphs.edges is None else self.graphs.edges.to(device)
        graphs = Graphs(nodes, senders, receivers, graph_of, self.graphs.number, edges)
        return GraphExamples(graphs, self.labels.to(device), None if self.rows is None else self.rows.to(device))

    def part(self, chosen: slice) -> "GraphExamples":
        """Some of the graphs; all nodes or none."""
        first, last, _ = chosen.indices(len(self))
        if last - first == len(self) or self.rows is not None:
            return self
        graphs = self.graphs
        nodes = (graphs.graph_of >= first) & (graphs.graph_of < last)
        edges, start = nodes[graphs.senders], int((graphs.graph_of < first).sum())
        part = Graphs(
            nodes=graphs.nodes[nodes],
            senders=graphs.senders[edges] - start,
            receivers=graphs.receivers[edges] - start,
            graph_of=graphs.graph_of[nodes] - first,
            number=last - first,
            edges=None if graphs.edges is None else graphs.edges[edges],
        )
        return GraphExamples(part, self.labels[chosen])

    def blank(self) -> "GraphExamples":
        """A node without edges."""
        graphs = self.graphs
        none = graphs.senders[:0]
        edges = None if graphs.edges is None else graphs.edges[:0]
        zero = torch.zeros(1, dtype=torch.long, device=none.device)
        node = Graphs(graphs.nodes.new_zeros(1, graphs.nodes.shape[1]), none, none, zero, 1, edges)
        return GraphExamples(node, zero, None if self.rows is None else zero)


class GraphStore:
    """All graphs of a user in memory, from which some are taken."""

    def __init__(
        self, data: GraphData, nodes: Float32[np.ndarray, "n d"], edges: Float32[np.ndarray, "e c"] | None
    ) -> None:
        self._nodes, self._edges, self._links, self.number = nodes, edges, data.links, data.number
        self._node_counts = np.bincount(data.graph_of, minlength=data.number)
        self._edge_counts = np.bincount(data.graph_of[data.links.senders], minlength=data.number)

    def take(self, numbers: Int[np.ndarray, " b"]) -> Graphs:
        """Some graphs side by side, in the order of the numbers."""
        nodes, starts, counts = _runs(self._node_counts, numbers)
        edges, _, edge_counts = _runs(self._edge_counts, numbers)
        moved = np.repeat(np.cumsum(counts) - counts - starts, edge_counts)
        return Graphs(
            nodes=torch.from_numpy(self._nodes[nodes]),
            senders=torch.from_numpy(self._links.senders[edges] + moved),
            receivers=torch.from_numpy(self._links.receivers[edges] + moved),
            graph_of=torch.from_numpy(np.repeat(np.arange(len(numbers)), counts)),
            number=len(numbers),
            edges=None if self._edges is None else torch.from_numpy(self._edges[edges]),
        )


def _runs(
    counts: Int[np.ndarray, " g"], numbers: Int[np.ndarray, " b"]
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " b"], Int[np.ndarray, " b"]]:
    """The rows that belong to some numbers, one run a number; where the runs start, and how long they are."""
    starts, lengths = (np.cumsum(counts) - counts)[numbers], counts[numbers]
    ends = np.cumsum(lengths)
    return np.arange(lengths.sum()) + np.repeat(starts - ends + lengths, lengths), starts, lengths


class ManyGraphs:
    """The graphs of an order, with their labels."""

    def __init__(self, store: GraphStore, labels: Int[np.ndarray, " n"], order: Order) -> None:
        self._store, self._labels, self._order = store, labels, order

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return len(self._order)

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Any]:
        """Yield this process's part of every batch of an epoch, from step `start` on."""
        for rows, _ in self._order.batches(number, start=start, part=part):
            yield GraphExamples(self._store.take(rows), torch.from_numpy(self._labels[rows]))


class WholeGraphs:
    """All graphs at each step, with the labels of some nodes; processes share these out."""

    def __init__(self, graphs: Graphs, labels: Int[np.ndarray, " n"], rows: Int[np.ndarray, " m"]) -> None:
        self._graphs, self._labels, self._rows = graphs, labels, rows

    def __len__(self) -> int:
        """An epoch has one step."""
        return 1

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Any]:
        """Yield the one batch, whatever the epoch."""
        if start == 0:
            rows = self._rows[part.rank :: part.world_size]
            yield GraphExamples(self._graphs, torch.from_numpy(self._labels[rows]), torch.from_numpy(rows))
