"""A user's graphs: a folder with a table of nodes, one of edges and perhaps one of graphs, or a Planetoid `.npz`.

nodes.csv   node, features; graph, where there are several; label and split, where nodes are classified
edges.csv   source, target, features; graph, where nodes of several graphs share their names
graphs.csv  graph, label, split: where graphs are classified

All features are numbers. An edge joins two nodes both ways; those of a table called arcs lead from source to target
alone. An edge that is listed again with the same features counts once. Any table may be Parquet.
"""

from pathlib import Path

import numpy as np
import polars as pl

from anmok.data.graph_data import GraphData, linked, unlabelled
from anmok.data.graph_tables import Table, read_table
from anmok.data.planetoid import read_planetoid
from anmok.errors import DataError

KINDS = (
    "Give a folder with nodes.csv (node, label, features), edges.csv (source, target) and, to classify graphs, "
    "graphs.csv (graph, label), or a Planetoid .npz."
)


def load_graphs(path: Path, *, pooled: bool) -> GraphData:
    """Read graphs, with the labels that there are of graphs, where `pooled`, or else of nodes.

    Raises `DataError`, with file and row, where they make no sense.
    """
    if path.is_dir():
        return _of_folder(path, pooled=pooled)
    if path.is_file() and path.suffix.lower() == ".npz":
        return read_planetoid(path, pooled=pooled)
    kind = "another kind of file" if path.exists() else "not there"
    raise DataError(f"Graphs are a folder or an .npz: '{path}' is {kind}. {KINDS}")


def _of_folder(folder: Path, *, pooled: bool) -> GraphData:
    nodes = read_table(folder, "nodes", required=("node",), known=("graph", "label", "split"))
    edges, arcs = (
        read_table(folder, name, required=("source", "target"), known=("graph",)) for name in ("edges", "arcs")
    )
    graphs = read_table(folder, "graphs", required=("graph",), known=("label", "split"))
    ends = edges or arcs
    if nodes is None or ends is None or (edges and arcs):
        found = "no table of nodes" if nodes is None else "no table of edges" if ends is None else "edges and arcs"
        raise DataError(f"Graphs are a table of nodes and one of edges: '{folder}' has {found}. {KINDS}")
    places = _places(nodes, graphs)
    graph_of = places["number"].to_numpy()
    sources, targets = _ends(ends, places, nodes)
    listed = places["row"].to_numpy()
    if not pooled:
        samples = _samples(nodes, listed)
    elif graphs is not None:
        samples = _samples(graphs, np.arange(len(graphs.rows)))
    else:
        samples = unlabelled(places["graph"].unique(maintain_order=True).to_list())
    return GraphData(
        name=folder.resolve().name,
        pooled=pooled,
        samples=samples,
        features=nodes.numeric or ("constant",),
        edge_features=ends.numeric,
        nodes=nodes.numbers()[listed] if nodes.numeric else np.ones((len(listed), 1), np.float32),
        graph_of=graph_of,
        links=linked(sources, targets, ends.numbers(), graph_of, both_ways=arcs is None),
        number=int(graph_of[-1]) + 1,
    )


def _places(nodes: Table, graphs: Table | None) -> pl.DataFrame:
    """The nodes graph by graph: `node`, `graph`, the graph's `number`, and the `row` of the table of nodes."""
    if nodes.rows.is_empty():
        raise DataError(f"A graph has nodes: '{nodes.path}' lists none. Add rows.")
    if "graph" in nodes.rows.columns:
        nodes.require("graph")
    elif graphs is not None:
        raise DataError(
            f"Where graphs are listed, each node has its graph: '{nodes.path}' has no column graph. Add it."
        )
    rows = nodes.rows.select("node", graph="graph" if "graph" in nodes.rows.columns else pl.lit("")).with_row_index(
        "row"
    )
    again = rows.select(pl.struct("graph", "node").is_first_distinct()).to_series().not_().arg_true()
    if len(again):
        graph, node = rows.row(again[0])[2], rows.row(again[0])[1]
        where = f" of graph '{graph}'" if graph else ""
        raise DataError(
            f"A node is listed once: '{nodes.path}' row {again[0] + 1} has '{node}'{where} again. Delete one."
        )
    names = rows["graph"].unique(maintain_order=True) if graphs is None else _graph_names(graphs, nodes)
    numbers = pl.DataFrame({"graph": names}).with_row_index("number").with_columns(pl.col("number").cast(pl.Int64))
    return rows.join(numbers, on="graph", how="left", maintain_order="left").sort("number", maintain_order=True)


def _graph_names(graphs: Table, nodes: Table) -> pl.Series:
    names, used = graphs.rows["graph"], nodes.rows["graph"]
    again = names.is_first_distinct().not_().arg_true()
    if len(again):
        raise DataError(
            f"A graph is listed once: '{graphs.path}' row {again[0] + 1} has '{names[again[0]]}' again. Delete one."
        )
    empty = names.is_in(used.implode()).not_().arg_true()
    if len(empty):
        raise DataError(
            f"A graph has nodes: '{graphs.path}' row {empty[0] + 1} has '{names[empty[0]]}', of which '{nodes.path}' "
            "lists none. Add its nodes or delete the row."
        )
    unknown = used.is_in(names.implode()).not_().arg_true()
    if len(unknown):
        raise DataError(
            f"Each node is of a listed graph: '{nodes.path}' row {unknown[0] + 1} has '{used[unknown[0]]}', which "
            f"'{graphs.path}' lacks. Add the graph or delete its nodes."
        )
    return names


def _ends(ends: Table, places: pl.DataFrame, nodes: Table) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the nodes that each edge joins."""
    within = "graph" in ends.rows.columns
    if within:
        ends.require("graph")
    keys = ["graph", "node"] if within and "graph" in nodes.rows.columns else ["node"]
    shared = places.select(pl.struct(keys).is_duplicated()).to_series().arg_true()
    if len(shared):
        raise DataError(
            f"Where nodes of several graphs share names, each edge has its graph: '{ends.path}' has no column graph, "
            f"and node '{places['node'][shared[0]]}' is in two. Add the column."
        )
    sources, targets = (_numbers(ends, column, keys, places, nodes.path) for column in ("source", "target"))
    graph_of = places["number"].to_numpy()
    apart = np.flatnonzero(graph_of[sources] != graph_of[targets])
    if len(apart):
        source, target = ends.rows.select("source", "target").row(int(apart[0]))
        raise DataError(
            f"An edge joins nodes of one graph: '{ends.path}' row {apart[0] + 1} joins '{source}' and '{target}', "
            "of two. Delete it."
        )
    return sources, targets


def _numbers(ends: Table, column: str, keys: list[str], places: pl.DataFrame, listed_in: Path) -> np.ndarray:
    """Numbers of the nodes at one end of each edge."""
    numbers = places.select(*keys).with_row_index("number").with_columns(pl.col("number").cast(pl.Int64))
    left = [*keys[:-1], column]
    found = ends.rows.join(numbers, left_on=left, right_on=keys, how="left", maintain_order="left")["number"]
    missing = found.is_null().arg_true()
    if len(missing):
        name = " of graph ".join(f"'{ends.rows[key][missing[0]]}'" for key in reversed(left))
        raise DataError(
            f"An edge joins nodes that are listed: '{ends.path}' row {missing[0] + 1} has the {column} {name}, "
            f"which '{listed_in}' lacks. Add the node or delete the edge."
        )
    return found.to_numpy()


def _samples(table: Table, order: np.ndarray) -> pl.DataFrame:
    """What is classified, in the order of `GraphData`; raises `DataError` for a row with a split and no label."""
    columns = [pl.col(name) for name in ("graph", "node") if name in table.rows.columns]
    label = pl.col("label") if "label" in table.rows.columns else pl.lit(None, pl.String).alias("label")
    rows = table.rows.select(*columns, label).with_columns(table.splits())
    bare = (rows["label"].is_null() & rows["split"].is_not_null()).arg_true()
    if len(bare):
        raise DataError(
            f"What is in a split has a label: '{table.path}' row {bare[0] + 1} is in {rows['split'][bare[0]]} and has "
            "none. Fill it in, or leave the split empty."
        )
    return rows[order].with_row_index("id").with_columns(pl.col("id").cast(pl.Int64))
