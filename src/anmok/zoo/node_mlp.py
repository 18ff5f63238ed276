"""Node MLP: every node is judged by its own features, as if no edge were there; a graph is a bag of its nodes.

Zaheer et al. 2017, "Deep Sets", arXiv:1703.06114, theorem 2: rho of the sum of phi. It is what a graph network is
compared with. `node_mlp` is the perceptron that Kipf & Welling 2017, arXiv:1609.02907, table 2, compare GCN with.
Departs from the paper: for the answer of a node there is nothing to sum, and phi's last layer has one unit a class.
"""

from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, GraphClassifier, Graphs, Kind, NetworkSpec, Paper
from anmok.errors import SpecError
from anmok.layers import Aggregation, Linear, aggregate


@dataclass(frozen=True, kw_only=True)
class NodeMlpSpec(NetworkSpec):
    """Numbers of one variant; `drop_rate` is the dropout before every layer of phi, and before the last of rho."""

    widths: tuple[int, ...] = (16,)  # units of each hidden layer of phi; rho has one as wide as the last
    drop_rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.widths, default=0) < 1:
            raise SpecError(
                f"A perceptron has hidden layers of 1 or more units: got widths={self.widths}. Give such as (16,)."
            )


class NodeMlp(GraphClassifier):
    """phi of every node; of a graph, rho of their sum."""

    def __init__(
        self, spec: NodeMlpSpec, *, in_features: int, num_classes: int, pooled: bool = False, edge_features: int = 0
    ) -> None:
        super().__init__(
            spec, in_features=in_features, num_classes=num_classes, pooled=pooled, edge_features=edge_features
        )
        width = spec.widths[-1]
        self.phi = nn.Sequential()
        for pair in pairwise((in_features, *spec.widths)):
            self.phi.extend((nn.Dropout(spec.drop_rate), Linear(*pair), nn.ReLU()))
        self.rho = nn.Sequential(Linear(width, width), nn.ReLU()) if pooled else nn.Identity()
        self.head = nn.Sequential(nn.Dropout(spec.drop_rate), Linear(width, num_classes))
        self.apply(_initialise)

    def forward(self, graphs: Graphs) -> Float[Tensor, "m k"]:
        """Logits of every node or graph."""
        x = self.phi(graphs.nodes)
        if self.pooled:
            x = self.rho(aggregate(x, graphs.graph_of, graphs.number, Aggregation.SUM))
        return self.head(x)


def _initialise(module: nn.Module) -> None:
    """Glorot & Bengio 2010, eq. 16, as GCN."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


ARCHITECTURE = Architecture(
    model=NodeMlp,
    kind=Kind.MLP,
    paper=Paper(title="Deep Sets", authors="Zaheer et al.", year=2017, arxiv="1703.06114"),
    bias=(
        "None about relations: neighbours say nothing of a node, and a graph is the set of its nodes. It shows how "
        "much of a task needs no edges at all."
    ),
    presets={"node_mlp": NodeMlpSpec()},
    ours={"node_mlp_nano": NodeMlpSpec(widths=(64, 64), drop_rate=0.0)},
)
