"""Graph network: edges, nodes and the graph as a whole have attributes, and each is updated from those it touches.

Battaglia et al. 2018, "Relational inductive biases, deep learning, and graph networks", arXiv:1806.01261: the full
block of algorithm 1 and fig. 4a, in the encode-process-decode form of fig. 6c. The paper names no sizes; those of
`graph_network` are the defaults of the authors' library graph_nets (demos/models.py, quoted from memory).
Departs from the paper: only the attributes that are asked for, the nodes' or the graph's, are decoded; edges without
features and the graph start from the constant 1; and features and answers may have dropout.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from anmok.backbone import Architecture, GraphClassifier, Graphs, Kind, NetworkSpec, Paper
from anmok.errors import SpecError
from anmok.layers import Aggregation, Linear, aggregate, product


@dataclass(frozen=True, kw_only=True)
class GraphNetworkSpec(NetworkSpec):
    """Numbers of one variant; `drop_rate` is the dropout of the nodes' features, and before the answer."""

    width: int = 16  # of every attribute
    depth: int = 2  # layers of every update function phi
    rounds: int = 10  # that the core is applied, with the same weights
    to_node: Aggregation = Aggregation.SUM  # rho of the edges that arrive at a node
    to_graph: Aggregation = Aggregation.SUM  # rho of all edges, and of all nodes

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.width, self.depth, self.rounds) < 1:
            raise SpecError(
                f"A graph network has 1 or more units, layers and rounds: got width={self.width}, "
                f"depth={self.depth} and rounds={self.rounds}. Raise them."
            )


class Attributes(NamedTuple):
    """What is known of the edges, of the nodes and of the graphs (e_k, v_i and u)."""

    edges: Float[Tensor, "e _"]
    nodes: Float[Tensor, "n _"]
    graphs: Float[Tensor, "g _"]


class Part(NamedTuple):
    """Attributes that an update looks at; with `at`, those rows of them."""

    rows: Float[Tensor, "_ c"]
    at: Int[Tensor, " m"] | None = None


class Update(nn.Module):
    """phi: a multilayer perceptron of attributes side by side, each layer rectified, and normed in the end.

    The first layer takes the parts one by one and adds, which is the same as side by side: so what belongs to a node
    is multiplied once, not once for each of its edges.
    """

    def __init__(self, widths: tuple[int, ...], width: int, depth: int) -> None:
        super().__init__()
        self.widths = widths
        self.first = Linear(sum(widths), width)
        rest = [layer for _ in range(depth - 1) for layer in (Linear(width, width), nn.ReLU())]
        self.rest = nn.Sequential(nn.ReLU(), *rest, nn.LayerNorm(width))

    def forward(self, *parts: Part) -> Float[Tensor, "m d"]:
        """The updated attributes."""
        weights = self.first.weight.split(self.widths, dim=1)
        biases = (self.first.bias, *[None] * (len(parts) - 1))
        seen = [product(*which) for which in zip((part.rows for part in parts), weights, biases, strict=True)]
        shares = [x if part.at is None else x.index_select(0, part.at) for x, part in zip(seen, parts, strict=True)]
        return self.rest(sum(shares[1:], shares[0]))


class GraphBlock(nn.Module):
    """The full block: edges, then nodes, then graphs, each from what the ones before have become (algorithm 1).

    `width_in` is that of the attributes coming in, `width` that of those going out.
    """

    def __init__(self, width_in: int, width: int, *, depth: int, to_node: Aggregation, to_graph: Aggregation) -> None:
        super().__init__()
        self.to_node, self.to_graph = to_node, to_graph
        self.edge = Update((width_in,) * 4, width, depth)
        self.node = Update((width, width_in, width_in), width, depth)
        self.graph = Update((width, width, width_in), width, depth)

    def forward(self, known: Attributes, graphs: Graphs) -> Attributes:
        """The updated attributes: e', v', u'."""
        senders, receivers, graph_of = graphs.senders, graphs.receivers, graphs.graph_of
        edge_in = graph_of[receivers]
        nodes, whole = known.nodes, known.graphs
        edges = self.edge(Part(known.edges), Part(nodes, receivers), Part(nodes, senders), Part(whole, edge_in))
        heard = aggregate(edges, receivers, len(nodes), self.to_node)
        nodes = self.node(Part(heard), Part(nodes), Part(whole, graph_of))
        all_edges = aggregate(edges, edge_in, graphs.number, self.to_graph)
        all_nodes = aggregate(nodes, graph_of, graphs.number, self.to_graph)
        return Attributes(edges, nodes, self.graph(Part(all_edges), Part(all_nodes), Part(whole)))


class GraphNetwork(GraphClassifier):
    """Encode each attribute alone, apply the core in rounds, decode what is asked for."""

    def __init__(
        self,
        spec: GraphNetworkSpec,
        *,
        in_features: int,
        num_classes: int,
        pooled: bool = False,
        edge_features: int = 0,
    ) -> None:
        super().__init__(
            spec, in_features=in_features, num_classes=num_classes, pooled=pooled, edge_features=edge_features
        )
        width, depth, self.rounds = spec.width, spec.depth, spec.rounds
        self.dropout = nn.Dropout(spec.drop_rate)
        self.encode_edges = Update((max(1, edge_features),), width, depth)
        self.encode_nodes = Update((in_features,), width, depth)
        self.encode_graphs = Update((1,), width, depth)
        self.core = GraphBlock(2 * width, width, depth=depth, to_node=spec.to_node, to_graph=spec.to_graph)
        self.decode = Update((width,), width, depth)
        self.head = Linear(width, num_classes)
        self.apply(_initialise)

    def forward(self, graphs: Graphs) -> Float[Tensor, "m k"]:
        """Logits of every node or graph."""
        edges = graphs.nodes.new_ones(len(graphs.senders), 1) if graphs.edges is None else graphs.edges
        start = Attributes(
            self.encode_edges(Part(edges)),
            self.encode_nodes(Part(self.dropout(graphs.nodes))),
            self.encode_graphs(Part(graphs.nodes.new_ones(graphs.number, 1))),
        )
        latent = start
        for _ in range(self.rounds):
            both = Attributes(*(torch.cat(pair, dim=1) for pair in zip(start, latent, strict=True)))
            latent = self.core(both, graphs)
        answer = latent.graphs if self.pooled else latent.nodes
        return self.head(self.dropout(self.decode(Part(answer))))


def _initialise(module: nn.Module) -> None:
    """Weights from N(0, 1 / inputs), cut at two deviations, and no biases: the default of the authors' library."""
    if isinstance(module, nn.Linear):
        deviation = module.in_features**-0.5
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        nn.init.zeros_(module.bias)


ARCHITECTURE = Architecture(
    model=GraphNetwork,
    kind=Kind.GRAPH,
    paper=Paper(
        title="Relational inductive biases, deep learning, and graph networks",
        authors="Battaglia et al.",
        year=2018,
        arxiv="1806.01261",
    ),
    bias=(
        "What acts on what is given, by edges, and nothing else acts but through the graph as a whole. One function "
        "updates all edges and one all nodes, so what is learnt of some holds for any others, in any order and number."
    ),
    presets={"graph_network": GraphNetworkSpec()},
    ours={"graph_network_nano": GraphNetworkSpec(width=32, depth=1, rounds=3, to_graph=Aggregation.MEAN)},
)
