"""Node GRU: nodes are read one after another, in the order of the file, as if they were words of a text.

Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation",
arXiv:1406.1078, sec. 2.3: the gated recurrent unit. No variants are published; `node_gru_nano` is ours.
A node is judged by the state when it has been read, a graph by the last one. Edges are not looked at.
Departs from the paper: the reset gate acts after the product, as in cuDNN and PyTorch.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from anmok.backbone import Architecture, GraphClassifier, Graphs, Kind, NetworkSpec, Paper
from anmok.errors import SpecError
from anmok.layers import Linear, sizes


@dataclass(frozen=True, kw_only=True)
class NodeGruSpec(NetworkSpec):
    """Numbers of one variant; `drop_rate` is the dropout of the features, and before the answer."""

    width: int = 64  # units of the state

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1:
            raise SpecError(f"A recurrent network has 1 or more units: got width={self.width}. Raise it.")


class NodeGru(GraphClassifier):
    """One recurrent layer over the nodes of each graph."""

    def __init__(
        self, spec: NodeGruSpec, *, in_features: int, num_classes: int, pooled: bool = False, edge_features: int = 0
    ) -> None:
        super().__init__(
            spec, in_features=in_features, num_classes=num_classes, pooled=pooled, edge_features=edge_features
        )
        self.dropout = nn.Dropout(spec.drop_rate)
        self.recurrent = nn.GRU(in_features, spec.width, batch_first=True)
        self.head = Linear(spec.width, num_classes)

    def forward(self, graphs: Graphs) -> Float[Tensor, "m k"]:
        """Logits of every node or graph."""
        lengths = sizes(graphs.graph_of, graphs.number)
        ends = lengths.cumsum(0)
        order = torch.arange(len(graphs.nodes), device=lengths.device) - (ends - lengths)[graphs.graph_of]
        rows = pad_sequence(self.dropout(graphs.nodes).split(lengths.tolist()), batch_first=True)
        states = self.recurrent(rows)[0][graphs.graph_of, order]
        return self.head(self.dropout(states[ends - 1] if self.pooled else states))


ARCHITECTURE = Architecture(
    model=NodeGru,
    kind=Kind.RECURRENT,
    paper=Paper(
        title="Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation",
        authors="Cho et al.",
        year=2014,
        arxiv="1406.1078",
    ),
    bias=(
        "The order of the nodes in the file means something, and what was read lately matters most. It shows what a "
        "network learns that takes a graph for a sequence."
    ),
    presets={},
    ours={"node_gru_nano": NodeGruSpec()},
)
