import numpy as np
import pytest

from anmok.data import graphs
from anmok.data.graph_audit import alike_graphs, find_in_graphs, split_graphs
from anmok.errors import DataError
from graph_files import NODES, one_graph, rings_and_paths, two_towns, write


def load_graphs(path):
    return graphs.load_graphs(path, pooled=(path / "graphs.csv").exists())


def from_edges(folder, *graphs, features=None):
    """Each graph from its number of nodes and its edges."""
    nodes = ["graph,node,x"]
    edges = ["graph,source,target"]
    for name, (count, joined) in enumerate(graphs):
        nodes += [f"{name},{n},{0 if features is None else features[name][n]}" for n in range(count)]
        edges += [f"{name},{a},{b}" for a, b in joined]
    rows = [f"{name},{'pq'[name % 2]}" for name in range(len(graphs))]
    return load_graphs(
        write(folder, nodes="\n".join(nodes), edges="\n".join(edges), graphs="\n".join(["graph,label", *rows]))
    )


TRIANGLE, PATH, OTHER_PATH = (3, [(0, 1), (1, 2), (2, 0)]), (3, [(0, 1), (1, 2)]), (3, [(2, 0), (1, 0)])


def test_graphs_are_alike_whatever_the_order_of_nodes_and_edges(tmp_path):
    assert alike_graphs(from_edges(tmp_path / "a", TRIANGLE, PATH, OTHER_PATH)) == [[1, 2]]
    four = from_edges(
        tmp_path / "b", PATH, OTHER_PATH, PATH, (4, PATH[1]), features=[[1, 2, 1], [2, 1, 1], [2, 1, 1], [1] * 4]
    )
    assert alike_graphs(four) == [[0, 1]]


def test_features_of_edges_tell_graphs_apart(tmp_path):
    tables = {"nodes": "graph,node\n1,a\n1,b\n2,a\n2,b\n", "graphs": "graph,label\n1,p\n2,q\n"}
    same = load_graphs(write(tmp_path / "a", **tables, edges="graph,source,target,w\n1,a,b,5\n2,b,a,5\n"))
    assert alike_graphs(same) == [[0, 1]]
    other = load_graphs(write(tmp_path / "b", **tables, edges="graph,source,target,w\n1,a,b,5\n2,b,a,4\n"))
    assert alike_graphs(other) == []


def test_random_graphs_are_told_apart_and_found_again(tmp_path):
    random = np.random.default_rng(0)
    graphs = []
    for _ in range(30):
        edges = random.integers(12, size=(20, 2))
        order = random.permutation(12)
        graphs += [(12, edges), (12, order[edges][random.permutation(20)])]
    assert alike_graphs(from_edges(tmp_path / "g", *graphs)) == [[i, i + 1] for i in range(0, 60, 2)]


def test_given_splits_stay_and_nodes_without_label_have_none(tmp_path):
    data = load_graphs(one_graph(tmp_path / "g", nodes=NODES + "e,,,1,1\n", edges="source,target\na,e\n"))
    assert split_graphs(data, [], seed=0)["split"].to_list() == ["train", "train", "select", "test", None]


def test_missing_splits_are_cut_by_class_and_alike_graphs_stay_together(tmp_path):
    data = load_graphs(rings_and_paths(tmp_path / "g", 120))
    alike = alike_graphs(data)
    assert len(alike) == 12  # 6 sizes, open and closed
    splits = split_graphs(data, alike, seed=0)
    for group in alike:
        assert len(set(splits["split"][group])) == 1

    for label in ("ring", "path"):
        of_class = splits.filter(label=label)["split"]
        assert {name: (of_class == name).sum() for name in ("train", "select", "test")} == {
            "train": 40, "select": 10, "test": 10,
        }  # fmt: skip
    assert splits.equals(split_graphs(data, alike, seed=0))
    assert not splits.equals(split_graphs(data, alike, seed=1))


def test_nothing_to_learn_from_is_refused(tmp_path):
    data = load_graphs(one_graph(tmp_path / "bare", nodes="node,x\na,1\n", edges="source,target\n"))
    with pytest.raises(DataError) as error:
        split_graphs(data, [], seed=0)
    assert str(error.value) == (
        "A training needs labels: 'bare' has none. Add a column label to nodes.csv, or classify graphs by "
        "--task graph-classification."
    )
    data = load_graphs(one_graph(tmp_path / "one", nodes="node,label\na,p\n", edges="source,target\n"))
    with pytest.raises(DataError) as error:
        split_graphs(data, [], seed=0)
    assert str(error.value) == "A choice needs at least two classes: 'one' has only 'p'. Label another."
    nodes = "node,label,split\na,p,train\nb,q,test\n"
    data = load_graphs(one_graph(tmp_path / "lost", nodes=nodes, edges="source,target\n"))
    with pytest.raises(DataError) as error:
        split_graphs(data, [], seed=0)
    assert str(error.value) == (
        "Each class needs nodes to train on: 'q' of 'lost' has none outside its given select and test splits. "
        "Move some to train."
    )


def test_too_few_to_split_are_refused(tmp_path):
    data = load_graphs(one_graph(tmp_path / "g", nodes="node,label\na,p\nb,q\nc,p\nd,q\n", edges="source,target\n"))
    with pytest.raises(DataError) as error:
        split_graphs(data, [], seed=0)
    assert str(error.value) == (
        "A training needs nodes to select by: 'g' has 4 with a label, of which none is left for that. Label more."
    )


def found(data, seed=0):
    alike = alike_graphs(data)
    return [f"{f.severity}: {f.text}" for f in find_in_graphs(data, alike, split_graphs(data, alike, seed=seed))]


def test_what_is_noteworthy_of_one_graph(tmp_path):
    data = load_graphs(
        one_graph(tmp_path / "g", nodes=NODES + "e,,,1,1\n", edges="source,target\na,b\nb,a\na,a\nc,b\n")
    )
    assert found(data) == [
        "warning: Classes with fewer than 10 nodes: 'blue' (2), 'red' (2).",
        "warning: 2 nodes are joined with no other, of 5: their features alone speak for them.",
        "warning: 1 edge joins a node with itself.",
        "info: A graph: 5 nodes with 2 features, 5 directed edges with 0 features.",
        "info: 1 edge is listed again, perhaps the other way round: each counts once.",
        "info: 4 of 5 nodes have a label, in 2 classes of 2 to 2.",
        "info: With 1 nodes to compare models on, accuracies that differ by less than 63.2 points cannot be told apart "
        "(if two models disagree on 10 % of them).",
    ]


def test_what_is_noteworthy_of_several_graphs(tmp_path):
    data = load_graphs(rings_and_paths(tmp_path / "g", 40, splits=True))
    first, second, *others = found(data)
    assert first == (
        "warning: 12 graphs occur in more than one split, first 'g0' and 'g12': the test is one of memory, in part."
    )
    assert second == (
        "warning: 28 graphs are the same as another but for the order of nodes; they share a split that is not given."
    )
    assert others[0] == "info: 40 graphs of 4 to 9 nodes: 252 nodes with 1 feature, 464 directed edges with 0 features."
    data = from_edges(tmp_path / "h", *[PATH] * 4, TRIANGLE, TRIANGLE)
    texts = [finding.text for finding in find_in_graphs(data, alike_graphs(data), data.samples)]
    assert "2 graphs occur under more than one label: no model can get all of these right." in texts


def test_unequal_classes_are_named(tmp_path):
    rows = "".join(f"n{i},{'rare' if i % 7 == 0 else 'usual'}\n" for i in range(84))
    data = load_graphs(one_graph(tmp_path / "g", nodes="node,label\n" + rows, edges="source,target\nn0,n1\n"))
    assert "warning: Class 'usual' has 6.0 times as many nodes as 'rare'." in found(data)


def test_towns_have_nothing_wrong(tmp_path):
    assert not [text for text in found(load_graphs(two_towns(tmp_path / "g"))) if text.startswith("warning")]
