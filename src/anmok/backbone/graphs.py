"""The networks that read graphs: what each is given, and what it answers."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor, nn

from anmok.backbone.spec import NetworkSpec
from anmok.errors import SpecError


class Graphs(NamedTuple):
    """One graph or several, side by side: nodes are counted through, and no edge joins two graphs.

    An undirected edge stands twice, once a direction. A graph without edge features has `edges` None.
    """

    nodes: Float[Tensor, "n d"]
    senders: Int[Tensor, " e"]
    receivers: Int[Tensor, " e"]
    graph_of: Int[Tensor, " n"]  # which graph each node belongs to, rising
    number: int = 1  # of graphs
    edges: Float[Tensor, "e c"] | None = None


class GraphClassifier(nn.Module, ABC):
    """Graphs -> logits of every node, or of every graph where it is `pooled`."""

    @abstractmethod
    def __init__(
        self, spec: NetworkSpec, *, in_features: int, num_classes: int, pooled: bool = False, edge_features: int = 0
    ) -> None:
        super().__init__()
        if min(in_features, num_classes) < 1 or edge_features < 0:
            raise SpecError(
                f"A graph network takes numbers of a node, perhaps of an edge, and knows 1 or more classes: "
                f"got in_features={in_features}, edge_features={edge_features} and num_classes={num_classes}."
            )
        self.spec = spec
        self.in_features, self.edge_features = in_features, edge_features
        self.num_classes = num_classes
        self.pooled = pooled

    @abstractmethod
    def forward(self, graphs: Graphs) -> Float[Tensor, "m k"]:
        """Logits of every node or graph."""
