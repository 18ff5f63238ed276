"""Graphs as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float32, Int64


class Links(NamedTuple):
    """Directed edges, graph by graph."""

    senders: Int64[np.ndarray, " e"]
    receivers: Int64[np.ndarray, " e"]
    features: Float32[np.ndarray, "e c"]
    repeated: int = 0  # edges that were listed again, and left out


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphData:
    """One graph or several, whose nodes are counted through, graph by graph.

    `samples` has a row for each node, or for each graph where graphs are classified: `id` (its number), `graph` (its
    name), `node` where it is one, `label` (the name of a class, or null) and `split` (null, train, select or test).
    """

    name: str
    pooled: bool  # whether graphs are classified, not nodes
    samples: pl.DataFrame
    features: tuple[str, ...]  # of a node
    edge_features: tuple[str, ...]
    nodes: Float32[np.ndarray, "n d"]
    graph_of: Int64[np.ndarray, " n"]
    links: Links
    number: int  # of graphs


def unlabelled(graphs: Sequence[str]) -> pl.DataFrame:
    """The samples of graphs of which nothing is known but their names."""
    nothing = pl.Series([None] * len(graphs), dtype=pl.String)
    return pl.DataFrame({"id": range(len(graphs)), "graph": graphs, "label": nothing, "split": nothing})


def linked(
    sources: Int64[np.ndarray, " e"],
    targets: Int64[np.ndarray, " e"],
    features: Float32[np.ndarray, "e c"],
    graph_of: Int64[np.ndarray, " n"],
    *,
    both_ways: bool,
) -> Links:
    """The listed edges, each once; where they lead both ways, once a direction, but loops once."""
    ends = (np.minimum(sources, targets), np.maximum(sources, targets)) if both_ways else (sources, targets)
    keys = {"source": ends[0], "target": ends[1]} | {f"{i}": column for i, column in enumerate(features.T)}
    kept = (
        pl.DataFrame(keys).with_row_index("row").unique(list(keys), keep="first", maintain_order=True)["row"].to_numpy()
    )
    back = kept[sources[kept] != targets[kept]] if both_ways else kept[:0]
    senders = np.concatenate((sources[kept], targets[back]))
    receivers = np.concatenate((targets[kept], sources[back]))
    order = np.argsort(graph_of[senders], kind="stable")
    rows = np.concatenate((kept, back))[order]
    return Links(senders[order], receivers[order], features[rows], len(sources) - len(kept))
