from pathlib import Path

import numpy as np
import polars as pl
import pytest

from anmok.data import graphs
from anmok.data.graphs import KINDS
from anmok.errors import DataError
from graph_files import EDGES, NODES, one_graph, write

CORA = Path(__file__).parents[3] / "shared" / "data" / "graph" / "cora.npz"
MANY = {
    "nodes": "graph,node,x\ng2,1,5\ng1,1,3\ng1,2,4\ng2,2,6\ng2,3,7\n",
    "edges": "graph,source,target\ng2,1,3\ng1,2,1\ng2,3,2\n",
    "graphs": "graph,label,split\ng1,toxic,train\ng2,mild,VAL\n",
}


def load_graphs(path, *, pooled=False):
    return graphs.load_graphs(path, pooled=pooled)


def pairs(data):
    return sorted(zip(data.links.senders.tolist(), data.links.receivers.tolist(), strict=True))


def message(folder):
    with pytest.raises(DataError) as error:
        load_graphs(folder)
    return str(error.value).replace(str(folder), "g")


def test_a_graph_is_read_and_each_edge_stands_both_ways(tmp_path):
    data = load_graphs(one_graph(tmp_path / "town"))
    assert (data.name, data.pooled, data.number) == ("town", False, 1)
    assert (data.features, data.edge_features) == (("x", "y"), ())
    assert data.nodes.tolist() == [[1, 0], [0, 1], [1, 0], [0, 2.5]]
    assert pairs(data) == [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2)]
    assert data.samples.rows() == [
        (0, "a", "red", "train"), (1, "b", "blue", "train"), (2, "c", "red", "select"), (3, "d", "blue", "test"),
    ]  # fmt: skip


def test_several_graphs_are_read_graph_by_graph_in_the_order_of_their_table(tmp_path):
    data = load_graphs(write(tmp_path / "g", **MANY), pooled=True)
    assert (data.pooled, data.number) == (True, 2)
    assert data.nodes.ravel().tolist() == [3, 4, 5, 6, 7]
    assert data.graph_of.tolist() == [0, 0, 1, 1, 1]
    assert pairs(data) == [(0, 1), (1, 0), (2, 4), (3, 4), (4, 2), (4, 3)]
    assert data.graph_of[data.links.senders].tolist() == [0, 0, 1, 1, 1, 1]
    assert data.samples.rows() == [(0, "g1", "toxic", "train"), (1, "g2", "mild", "select")]


def test_graphs_without_labels_are_read_to_be_answered(tmp_path):
    tables = {name: text for name, text in MANY.items() if name != "graphs"}
    data = load_graphs(write(tmp_path / "g", **tables), pooled=True)
    assert data.samples.rows() == [(0, "g2", None, None), (1, "g1", None, None)]
    assert data.graph_of.tolist() == [0, 0, 0, 1, 1]
    assert len(load_graphs(one_graph(tmp_path / "h"), pooled=True).samples) == 1


def test_nodes_of_several_graphs_are_classified_where_no_table_lists_graphs(tmp_path):
    nodes = "graph,node,label,x\ng2,u,p,1\ng1,v,q,2\n"
    data = load_graphs(write(tmp_path / "g", nodes=nodes, edges="source,target\nu,u\n"))
    assert (data.pooled, data.number) == (False, 2)
    assert data.samples.rows() == [(0, "g2", "u", "p", None), (1, "g1", "v", "q", None)]
    assert pairs(data) == [(0, 0)]


def test_arcs_lead_one_way_and_keep_their_features(tmp_path):
    data = load_graphs(write(tmp_path / "g", nodes=NODES, arcs="target,w,source\nb,2,a\na,3,b\nd,4,d\n"))
    assert pairs(data) == [(0, 1), (1, 0), (3, 3)]
    assert data.links.features.tolist() == [[2], [3], [4]]
    assert data.edge_features == ("w",)


def test_an_edge_that_is_listed_again_counts_once(tmp_path):
    data = load_graphs(one_graph(tmp_path / "g", edges=EDGES + "a,b\nb,a\nd,d\nd,d\n"))
    assert pairs(data) == [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2), (3, 3)]
    assert data.links.repeated == 3
    data = load_graphs(one_graph(tmp_path / "g", edges="source,target,w\na,b,1\nb,a,1\nb,a,2\n"))
    assert pairs(data) == [(0, 1), (0, 1), (1, 0), (1, 0)]
    assert (sorted(data.links.features.ravel()), data.links.repeated) == ([1, 1, 2, 2], 1)


def test_nodes_without_features_have_one_that_says_nothing(tmp_path):
    data = load_graphs(one_graph(tmp_path / "g", nodes="node\na\nb\nc\nd\n"))
    assert data.nodes.tolist() == [[1]] * 4
    assert data.features == ("constant",)
    assert data.samples["label"].null_count() == 4


def test_parquet_is_read_as_csv(tmp_path):
    folder = tmp_path / "g"
    folder.mkdir()
    pl.DataFrame({"node": [7, 8], "label": ["p", "q"], "x": [0.5, 1.5]}).write_parquet(folder / "nodes.parquet")
    pl.DataFrame({"source": [7], "target": [8]}).write_parquet(folder / "edges.parquet")
    data = load_graphs(folder)
    assert data.nodes.tolist() == [[0.5], [1.5]]
    assert pairs(data) == [(0, 1), (1, 0)]
    assert data.samples["node"].to_list() == ["7", "8"]


def test_a_graph_without_edges_is_one(tmp_path):
    data = load_graphs(one_graph(tmp_path / "g", edges="source,target\n"))
    assert pairs(data) == []


BAD = {
    "An edge joins nodes that are listed: 'g/edges.csv' row 2 has the target 'z', which 'g/nodes.csv' lacks. "
    "Add the node or delete the edge.": {"edges": "source,target\na,b\nb,z\n"},
    "An edge joins nodes that are listed: 'g/edges.csv' row 1 has the source '3' of graph 'g1', which 'g/nodes.csv' "
    "lacks. Add the node or delete the edge.": MANY | {"edges": "graph,source,target\ng1,3,1\n"},
    "Where nodes of several graphs share names, each edge has its graph: 'g/edges.csv' has no column graph, and node "
    "'1' is in two. Add the column.": MANY | {"edges": "source,target\n1,2\n"},
    "An edge joins nodes of one graph: 'g/edges.csv' row 1 joins 'u' and 'v', of two. Delete it.": {
        "nodes": "graph,node\n1,u\n2,v\n", "edges": "source,target\nu,v\n",
    },
    "Every row has a target: 'g/edges.csv' has 1 without, first row 2. Fill in the target or delete the rows.": {
        "edges": "source,target\na,b\nb, \n"
    },
    "A table of edges has the columns source and target: 'g/edges.csv' lacks source and target and has from, to. "
    "Rename its columns.": {"edges": "from,to\na,b\n"},
    "Each row has as many cells as the header: 'g/nodes.csv' row 2 has 3, the header 2. Mend the row.": {
        "nodes": "node,x\na,1\nb,2,3\n"
    },
    "Each row has as many cells as the header: 'g/nodes.csv' row 1 has 2, the header 3. Mend the row.": {
        "nodes": "node,x,y\na,1\nb,2,3\n"
    },
    "Features are finite numbers: 'g/nodes.csv' row 2 has 'tall' in column 'x'. Mend it, or turn words into columns "
    "of 0 and 1.": {"nodes": "node,x\na,1\nb,tall\n"},
    "Features are finite numbers: 'g/nodes.csv' row 1 has 'inf' in column 'x'. Mend it, or turn words into columns "
    "of 0 and 1.": {"nodes": "node,x\na,inf\nb,1\n", "edges": "source,target\na,b\n"},
    "Features are numbers: 'g/nodes.csv' row 2 has nothing in column 'x'. Fill it in.": {
        "nodes": "node,x,y\na,1,1\nb,,1\n"
    },
    "A node is listed once: 'g/nodes.csv' row 3 has 'a' again. Delete one.": {"nodes": "node,x\na,1\nb,2\na,1\n"},
    "A node is listed once: 'g/nodes.csv' row 6 has '3' of graph 'g2' again. Delete one.": MANY
    | {"nodes": MANY["nodes"] + "g2,3,1\n"},
    "A split is one of train, select, test: 'g/nodes.csv' row 2 has 'dev'. Rename it, or leave it empty to let Anmok "
    "split.": {"nodes": NODES.replace("blue,train", "blue,dev")},
    "What is in a split has a label: 'g/nodes.csv' row 1 is in train and has none. Fill it in, or leave the split "
    "empty.": {"nodes": NODES.replace("red,train", ",train")},
    "A graph has nodes: 'g/nodes.csv' lists none. Add rows.": {"nodes": "node,x\n"},
    "A graph has nodes: 'g/graphs.csv' row 3 has 'g3', of which 'g/nodes.csv' lists none. Add its nodes or delete the "
    "row.": MANY | {"graphs": MANY["graphs"] + "g3,mild,\n"},
    "A graph is listed once: 'g/graphs.csv' row 3 has 'g1' again. Delete one.": MANY
    | {"graphs": MANY["graphs"] + "g1,mild,\n"},
    "Each node is of a listed graph: 'g/nodes.csv' row 6 has 'g9', which 'g/graphs.csv' lacks. Add the graph or delete "
    "its nodes.": MANY | {"nodes": MANY["nodes"] + "g9,3,1\n"},
    "Where graphs are listed, each node has its graph: 'g/nodes.csv' has no column graph. Add it.": {
        "graphs": MANY["graphs"]
    },
    "Every row has a graph: 'g/nodes.csv' has 1 without, first row 6. Fill in the graph or delete the rows.": MANY
    | {"nodes": MANY["nodes"] + ",3,1\n"},
    f"Graphs are a table of nodes and one of edges: 'g' has edges and arcs. {KINDS}": {"arcs": EDGES},
}  # fmt: skip


@pytest.mark.parametrize("expected", BAD)
def test_what_makes_no_sense_is_said_with_file_and_row(tmp_path, expected):
    assert (
        message(write(tmp_path / "g", **{"nodes": NODES, "edges": "source,target\na,b\n"} | BAD[expected])) == expected
    )


def test_missing_tables_are_named(tmp_path):
    assert message(write(tmp_path / "g", nodes=NODES)) == (
        f"Graphs are a table of nodes and one of edges: 'g' has no table of edges. {KINDS}"
    )
    assert message(write(tmp_path / "h", edges=EDGES)).endswith(f"has no table of nodes. {KINDS}")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "g.txt").write_text("")
    assert message(tmp_path / "g.txt") == f"Graphs are a folder or an .npz: 'g' is another kind of file. {KINDS}"
    assert message(tmp_path / "no") == f"Graphs are a folder or an .npz: 'g' is not there. {KINDS}"


def test_bytes_that_are_no_text_or_table_are_refused(tmp_path):
    folder = one_graph(tmp_path / "g")
    (folder / "nodes.csv").write_bytes(b"node,x\n\xff\xfe,1\n")
    assert message(folder).startswith("The table 'g/nodes.csv' cannot be read: ")
    (folder / "nodes.csv").unlink()
    (folder / "nodes.parquet").write_bytes(b"PAR1")
    assert message(folder).startswith("The table 'g/nodes.parquet' cannot be read: ")


def test_what_editors_put_into_files_does_no_harm(tmp_path):
    folder = one_graph(tmp_path / "g")
    (folder / "nodes.csv").write_bytes(b"\xef\xbb\xbfnode, x \r\na , 1\r\n b,2 \r\n\r\n")
    (folder / "edges.csv").write_bytes(b'"source","target"\n"a","b"\n')
    data = load_graphs(folder)
    assert (data.features, data.nodes.tolist(), pairs(data)) == (("x",), [[1], [2]], [(0, 1), (1, 0)])
    (folder / "edges.csv").write_bytes(b"")
    assert message(folder).startswith("The table 'g/edges.csv' cannot be read: ")


PLANETOID = {
    "indptr": np.array([0, 1, 1, 3]), "indices": np.array([1, 0, 1]), "values": np.array([1.0, 2.0, 3.0]),
    "shape": np.array([3, 2]), "label": np.array([1, 0, 1]), "edges": np.array([[0, 2], [1, 2]]),
    "train": np.array([0]), "val": np.array([2]), "test": np.array([], dtype=int),
}  # fmt: skip


def test_a_planetoid_file_is_read_and_labels_outside_its_splits_are_not(tmp_path):
    np.savez(tmp_path / "tiny.npz", **PLANETOID)
    data = load_graphs(tmp_path / "tiny.npz")
    assert data.nodes.tolist() == [[0, 1], [0, 0], [2, 3]]
    assert pairs(data) == [(0, 2), (1, 2), (2, 0), (2, 1)]
    assert data.samples["label"].to_list() == ["1", None, "1"]
    assert data.samples["split"].to_list() == ["train", None, "select"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"edges": None}, "lacks edges. Write it again, or give a folder with nodes.csv and edges.csv."),
        ({"edges": np.array([[0, 3]])}, "Numbers in 'edges' are from 0 to 2: 'g' has 0 to 3. Fetch the file again."),
        ({"train": np.array([-1])}, "Numbers in 'train' are from 0 to 2: 'g' has -1 to -1. Fetch the file again."),
        ({"label": np.array([1, 0])}, "'g' has 2, 3 and edges of shape (2, 2). Fetch it again."),
        ({"label": np.array([None] * 3)}, "Fetch it again."),
    ],
)
def test_a_broken_planetoid_file_is_refused(tmp_path, change, expected):
    arrays = {name: array for name, array in (PLANETOID | change).items() if array is not None}
    np.savez(tmp_path / "tiny.npz", **arrays)
    assert message(tmp_path / "tiny.npz").endswith(expected)


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "tiny.npz").write_bytes(b"PK\x03\x04")
    assert message(tmp_path / "tiny.npz").startswith("The file 'g' cannot be read as .npz: ")


@pytest.mark.skipif(not CORA.exists(), reason="the shared data are not here")
def test_cora_is_as_published():
    data = load_graphs(CORA)
    assert data.nodes.shape == (2708, 1433)
    assert len(data.links.senders) == 2 * 5278
    assert data.samples["split"].value_counts().sort("split", nulls_last=True)["count"].to_list() == [
        500,
        1000,
        140,
        1068,
    ]
