"""What is noteworthy about a user's graphs, and who trains, who selects, who is tested on."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from jaxtyping import UInt64

from anmok.data.duplicates import components, exact_groups
from anmok.data.findings import IMBALANCE, TINY_CLASS, Finding, resolvable_difference
from anmok.data.graph_data import GraphData
from anmok.data.splits import complete_splits
from anmok.errors import DataError

_ROUNDS = 4  # of colouring


def alike_graphs(data: GraphData) -> list[list[int]]:
    """Groups of graphs that are the same but for the order of their nodes, as far as four rounds of colouring tell.

    Colour refinement (Weisfeiler & Leman 1968): a node's colour is that of its features, then again and again of its
    own and of the set of those that its edges bring. Same sets of colours are taken for the same graph.
    """
    edges = _mixed(_kinds(data.links.features))
    colour = _mixed(_kinds(data.nodes))
    for _ in range(_ROUNDS):
        heard = np.zeros_like(colour)
        np.add.at(heard, data.links.receivers, _mixed(colour[data.links.senders] + edges))
        colour = _mixed(colour * np.uint64(3) + heard)
    digests = np.zeros(data.number, np.uint64)
    np.add.at(digests, data.graph_of, colour)
    return exact_groups(range(data.number), digests.tolist())


def split_graphs(data: GraphData, alike: Sequence[Sequence[int]], *, seed: int) -> pl.DataFrame:
    """The samples with a split each, but null for those without a label.

    Given splits are kept. A missing test split takes 20 % of the training samples, a missing select split 20 % of the
    rest, each class alike; graphs that are alike stay together.
    """
    labelled = data.samples.drop_nulls("label")
    if labelled.is_empty():
        place = "graphs.csv" if data.pooled else "nodes.csv, or classify graphs by --task graph-classification"
        raise DataError(f"A training needs labels: '{data.name}' has none. Add a column label to {place}.")
    classes = labelled["label"].unique().sort()
    if len(classes) < 2:
        raise DataError(f"A choice needs at least two classes: '{data.name}' has only '{classes[0]}'. Label another.")
    row_of = {id: row for row, id in enumerate(labelled["id"])}
    together = ([row_of[id] for id in group if id in row_of] for group in (alike if data.pooled else ()))
    units = components([*([row] for row in row_of.values()), *filter(None, together)])
    labels = labelled["label"].rank("dense").to_list()
    splits = complete_splits(labelled["split"].to_list(), labels, units, seed=seed)
    split_of = dict(zip(row_of, splits, strict=True))
    found = data.samples.with_columns(split=pl.Series([split_of.get(id) for id in data.samples["id"]], dtype=pl.String))
    trained = found.filter(split="train")["label"]
    for name in classes:
        if name not in trained:
            raise DataError(
                f"Each class needs {_kind(data)} to train on: '{name}' of '{data.name}' has none outside its given "
                "select and test splits. Move some to train."
            )
    for name in ("select", "test"):
        if name not in found["split"]:
            raise DataError(
                f"A training needs {_kind(data)} to {name} by: '{data.name}' has {len(labelled):,} with a label, "
                "of which none is left for that. Label more."
            )
    return found


def find_in_graphs(data: GraphData, alike: Sequence[Sequence[int]], splits: pl.DataFrame) -> list[Finding]:
    """What a user should know, one sentence each, the most harmful first."""
    warnings = (*(_alike(data, alike, splits) if data.pooled else ()), *_classes(data), *_structure(data))
    return [Finding("warning", text) for text in warnings] + [Finding("info", text) for text in _facts(data, splits)]


def _alike(data: GraphData, alike: Sequence[Sequence[int]], splits: pl.DataFrame) -> Iterator[str]:
    split_of, label_of = splits["split"].to_list(), splits["label"].to_list()
    torn = [group for group in alike if len({split_of[i] for i in group} - {None}) > 1]
    if torn:
        some = " and ".join(f"'{data.samples['graph'][i]}'" for i in torn[0][:2])
        occur = _count(len(torn), "graph occurs", "graphs occur")
        yield f"{occur} in more than one split, first {some}: the test is one of memory, in part."
    torn = [group for group in alike if len({label_of[i] for i in group} - {None}) > 1]
    if torn:
        occur = _count(len(torn), "graph occurs", "graphs occur")
        yield f"{occur} under more than one label: no model can get all of these right."
    if alike:
        copies = sum(len(group) - 1 for group in alike)
        same = _count(copies, "graph is", "graphs are")
        yield f"{same} the same as another but for the order of nodes; they share a split that is not given."


def _classes(data: GraphData) -> Iterator[str]:
    counts = Counter(data.samples["label"].drop_nulls().sort())
    tiny = [f"'{name}' ({count})" for name, count in counts.items() if count < TINY_CLASS]
    if tiny:
        more = f" and {len(tiny) - 3:,} more" if len(tiny) > 3 else ""
        yield f"Classes with fewer than {TINY_CLASS} {_kind(data)}: {', '.join(tiny[:3])}{more}."
    most, least = counts.most_common()[0], counts.most_common()[-1]
    if most[1] >= IMBALANCE * least[1]:
        yield f"Class '{most[0]}' has {most[1] / least[1]:.1f} times as many {_kind(data)} as '{least[0]}'."


def _structure(data: GraphData) -> Iterator[str]:
    links = data.links
    loops = int((links.senders == links.receivers).sum())
    joined = np.zeros(len(data.nodes), bool)
    joined[links.senders[links.senders != links.receivers]] = True
    joined[links.receivers[links.senders != links.receivers]] = True
    alone = int((~joined).sum())
    if alone:
        joins = _count(alone, "node is", "nodes are")
        yield f"{joins} joined with no other, of {len(joined):,}: their features alone speak for them."
    if loops:
        yield f"{_count(loops, 'edge joins', 'edges join')} a node with itself."


def _facts(data: GraphData, splits: pl.DataFrame) -> Iterator[str]:
    nodes = np.bincount(data.graph_of)
    graphs = f"{data.number:,} graphs of {nodes.min():,} to {nodes.max():,} nodes" if data.number > 1 else "A graph"
    yield (
        f"{graphs}: {len(data.nodes):,} nodes with {_count(len(data.features), 'feature', 'features')}, "
        f"{len(data.links.senders):,} directed edges with {_count(len(data.edge_features), 'feature', 'features')}."
    )
    if data.links.repeated:
        repeated = _count(data.links.repeated, "edge is", "edges are")
        yield f"{repeated} listed again, perhaps the other way round: each counts once."
    counts = Counter(data.samples["label"].drop_nulls())
    yield (
        f"{counts.total():,} of {len(data.samples):,} {_kind(data)} have a label, in {len(counts)} classes of "
        f"{min(counts.values()):,} to {max(counts.values()):,}."
    )
    select = int((splits["split"] == "select").sum())
    yield (
        f"With {select:,} {_kind(data)} to compare models on, accuracies that differ by less than "
        f"{resolvable_difference(select):.1f} points cannot be told apart (if two models disagree on 10 % of them)."
    )


def _kind(data: GraphData) -> str:
    return "graphs" if data.pooled else "nodes"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _kinds(rows: np.ndarray) -> UInt64[np.ndarray, " n"]:
    """The same number for the same row."""
    if not rows.shape[1]:
        return np.zeros(len(rows), np.uint64)
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.uint64)


def _mixed(numbers: UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Each number scattered over 64 bits, so that sums tell sets apart (Steele et al. 2014, SplitMix)."""
    x = numbers + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return x ^ (x >> np.uint64(31))
