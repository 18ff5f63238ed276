"""GCN: a node is averaged with its neighbours, layer by layer, and mapped by the same matrix as all others.

Kipf & Welling 2017, "Semi-Supervised Classification with Graph Convolutional Networks", arXiv:1609.02907, eq. 2:
H' = relu(D^-1/2 (A + I) D^-1/2 H W). It is a graph network whose edges weigh and pass on what their sender says and
whose graphs have no attributes. The variants are those of sec. 5.2: `gcn` for citations, `gcn_64` for NELL.
Departs from the paper: features of edges are not looked at; of directed edges, D counts those that arrive; and where
one answer is asked for a graph, its logits are the mean of its nodes'.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, GraphClassifier, Graphs, Kind, NetworkSpec, Paper
from anmok.errors import SpecError
from anmok.layers import Aggregation, Linear, aggregate, sizes


@dataclass(frozen=True, kw_only=True)
class GcnSpec(NetworkSpec):
    """Numbers of one variant; `drop_rate` is the dropout before every layer."""

    widths: tuple[int, ...] = (16,)  # units of each hidden layer
    drop_rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.widths, default=0) < 1:
            raise SpecError(
                f"A GCN has hidden layers of 1 or more units: got widths={self.widths}. Give such as (16,)."
            )


class GraphConvolution(nn.Module):
    """D^-1/2 (A + I) D^-1/2 X W, without any matrix of nodes by nodes."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.weight = Linear(width_in, width, bias=False)
        nn.init.xavier_uniform_(self.weight.weight)

    def forward(
        self, nodes: Float[Tensor, "n c"], graphs: Graphs, shares: Float[Tensor, "n 1"]
    ) -> Float[Tensor, "n d"]:
        """The nodes that come of it; `shares` are D^-1/2."""
        own = shares * self.weight(nodes)
        said = own.index_select(0, graphs.senders)
        return shares * (own + aggregate(said, graphs.receivers, len(nodes), Aggregation.SUM))


class Gcn(GraphClassifier):
    """Graph convolutions, all but the last of them rectified."""

    def __init__(
        self, spec: GcnSpec, *, in_features: int, num_classes: int, pooled: bool = False, edge_features: int = 0
    ) -> None:
        super().__init__(
            spec, in_features=in_features, num_classes=num_classes, pooled=pooled, edge_features=edge_features
        )
        self.dropout = nn.Dropout(spec.drop_rate)
        widths = (in_features, *spec.widths, num_classes)
        self.layers = nn.ModuleList(GraphConvolution(*pair) for pair in pairwise(widths))

    def forward(self, graphs: Graphs) -> Float[Tensor, "m k"]:
        """Logits of every node or graph."""
        x = graphs.nodes
        shares = (1 + sizes(graphs.receivers, len(x))).to(x.dtype)[:, None].rsqrt()
        for layer in self.layers[:-1]:
            x = torch.relu(layer(self.dropout(x), graphs, shares))
        x = self.layers[-1](self.dropout(x), graphs, shares)
        return aggregate(x, graphs.graph_of, graphs.number, Aggregation.MEAN) if self.pooled else x


ARCHITECTURE = Architecture(
    model=Gcn,
    kind=Kind.GRAPH,
    paper=Paper(
        title="Semi-Supervised Classification with Graph Convolutional Networks",
        authors="Kipf & Welling",
        year=2017,
        arxiv="1609.02907",
    ),
    bias=(
        "Neighbours are alike: each layer makes a node more like those it is joined with, whatever their order. A "
        "few labels are then enough, and as many layers are too many."
    ),
    presets={"gcn": GcnSpec(), "gcn_64": GcnSpec(widths=(64,), drop_rate=0.1)},
    ours={"gcn_nano": GcnSpec(widths=(32, 32), drop_rate=0.0)},
)
