import numpy as np
import pytest
import torch

from anmok.backbone import Graphs
from anmok.data import Order, Part
from anmok.data.graphs import load_graphs
from anmok.tasks.graph_batches import GraphExamples, GraphStore, ManyGraphs, WholeGraphs
from graph_files import rings_and_paths, write
from small_graphs import side_by_side


@pytest.fixture
def store(tmp_path):
    """Of six graphs whose nodes are numbered, and whose edges have two features."""
    random = np.random.default_rng(0)
    nodes, edges, graphs = ["graph,node,x"], ["graph,source,target,u,v"], ["graph,label"]
    for g, (count, joined) in enumerate(((3, 4), (1, 0), (5, 9), (2, 1), (4, 0), (6, 12))):
        nodes += [f"{g},{n},{10 * g + n}" for n in range(count)]
        edges += [f"{g},{a},{b},{g},{i}" for i, (a, b) in enumerate(random.integers(count, size=(joined, 2)))]
        graphs.append(f"{g},p")
    tables = {"nodes": nodes, "arcs": edges, "graphs": graphs}
    data = load_graphs(write(tmp_path / "g", **{k: "\n".join(v) for k, v in tables.items()}), pooled=True)
    return GraphStore(data, data.nodes, data.links.features)


def same(ours, expected):
    for name in Graphs._fields:
        a, b = getattr(ours, name), getattr(expected, name)
        assert a == b if isinstance(a, int) else torch.equal(a, b), name


def test_graphs_that_are_taken_stand_side_by_side(store):
    alone = [store.take(np.array([i])) for i in range(6)]
    assert [len(g.nodes) for g in alone] == [3, 1, 5, 2, 4, 6]
    assert alone[2].nodes.ravel().tolist() == [20, 21, 22, 23, 24]
    assert set(alone[5].edges[:, 0].tolist()) == {5}
    for numbers in ([0, 1, 2, 3, 4, 5], [5, 2, 2, 1], [4], [1, 4]):
        same(store.take(np.array(numbers)), side_by_side(*(alone[i] for i in numbers)))


def test_parts_of_a_batch_are_its_graphs(store):
    batch = GraphExamples(store.take(np.array([2, 0, 1, 5])), torch.tensor([1, 0, 1, 0]))
    for chosen, numbers in ((slice(0, 2), [2, 0]), (slice(2, 4), [1, 5]), (slice(1, 9), [0, 1, 5]), (slice(4, 8), [])):
        part = batch.part(chosen)
        same(part.graphs, store.take(np.array(numbers, dtype=int)))
        assert part.labels.tolist() == batch.labels[chosen].tolist()
    assert batch.part(slice(0, 32)) is batch
    assert (len(batch), batch.weight) == (4, 4)


def test_a_blank_is_a_node_without_edges(store):
    blank = GraphExamples(store.take(np.array([2])), torch.tensor([1])).blank()
    assert [tuple(x.shape) for x in blank.graphs if isinstance(x, torch.Tensor)] == [(1, 1), (0,), (0,), (1,), (0, 2)]
    assert (len(blank), blank.weight) == (1, 1)


def test_nodes_stay_together(store):
    graphs = store.take(np.arange(6))
    batch = GraphExamples(graphs, torch.tensor([1, 0]), torch.tensor([3, 7]))
    assert (len(batch), batch.weight) == (1, 2)
    assert batch.part(slice(0, 1)) is batch
    assert batch.blank().rows.tolist() == [0]
    assert len(GraphExamples(graphs, torch.tensor([], dtype=torch.long), torch.tensor([], dtype=torch.long))) == 0


def test_batches_go_on_at_any_step_and_processes_share_them(store):
    labels = np.arange(6)
    source = ManyGraphs(store, labels, Order(np.arange(6), batch_size=4, seed=1))
    whole = [batch.labels.tolist() for batch in source.epoch(3)]
    assert sorted(whole[0] + whole[1]) == [0, 1, 2, 3, 4, 5]
    assert len(source) == len(whole) == 2
    assert [batch.labels.tolist() for batch in source.epoch(3, start=1)] == whole[1:]
    shares = [[b.labels.tolist() for b in source.epoch(3, part=Part(rank, 2))] for rank in range(2)]
    assert [a + b for a, b in zip(*shares, strict=True)] == whole


def test_all_nodes_are_one_batch_whose_labels_are_shared(store):
    source = WholeGraphs(store.take(np.arange(6)), np.arange(21), np.array([2, 5, 11]))
    assert len(source) == 1
    (batch,) = source.epoch(0)
    assert (batch.rows.tolist(), batch.labels.tolist()) == ([2, 5, 11], [2, 5, 11])
    assert list(source.epoch(0, start=1)) == []
    shares = [next(source.epoch(0, part=Part(rank, 2))).rows.tolist() for rank in range(2)]
    assert shares == [[2, 11], [5]]


def test_a_store_without_edge_features_has_none(tmp_path):
    data = load_graphs(rings_and_paths(tmp_path / "g", 4), pooled=True)
    assert GraphStore(data, data.nodes, None).take(np.array([1])).edges is None
