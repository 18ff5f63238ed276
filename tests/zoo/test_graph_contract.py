"""What every network that reads graphs promises."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from anmok.backbone import Kind, NetworkSpec, Task
from anmok.catalogue.names import list_models, require_network
from anmok.catalogue.published import read_families, read_published
from anmok.errors import SpecError
from small_graphs import random_graph, reordered_edges, reordered_nodes, side_by_side

NAMES = list_models(task=Task.NODE_CLASSIFICATION)
ORDERLESS = [name for name in NAMES if require_network(name).architecture.kind is not Kind.RECURRENT]


def build(name, *, pooled, edge_features=0, features=3):
    torch.manual_seed(0)
    preset = require_network(name)
    model = preset.architecture.model(
        preset.spec, in_features=features, num_classes=4, pooled=pooled, edge_features=edge_features
    )
    for parameter in model.parameters():
        if not parameter.any():
            parameter.data.normal_(std=0.1)  # so that biases count
    return model.double().eval()


def test_these_are_the_networks():
    assert list_models(task=Task.GRAPH_CLASSIFICATION) == NAMES
    assert NAMES == [
        "gcn", "gcn_64", "gcn_nano", "graph_network", "graph_network_nano",
        "node_gru_nano", "node_mlp", "node_mlp_nano",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ORDERLESS)
@settings(max_examples=15, deadline=None)
@given(nodes=st.integers(1, 9), edges=st.integers(0, 20), seed=st.integers(0, 999))
def test_nodes_in_another_order_answer_the_same(name, nodes, edges, seed):
    graph = random_graph(nodes, edges, edge_features=2, seed=seed)
    order = torch.randperm(nodes, generator=torch.Generator().manual_seed(seed))
    other = reordered_nodes(graph, order)
    model = build(name, pooled=False, edge_features=2)
    torch.testing.assert_close(model(other), model(graph)[order], rtol=1e-6, atol=1e-6)
    model = build(name, pooled=True, edge_features=2)
    torch.testing.assert_close(model(other), model(graph), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_edges_says_nothing(name, pooled):
    model = build(name, pooled=pooled, edge_features=2)
    for seed in range(5):
        graph = random_graph(edge_features=2, seed=seed)
        other = reordered_edges(graph, torch.randperm(len(graph.senders)))
        torch.testing.assert_close(model(other), model(graph), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_graphs_side_by_side_answer_as_each_alone(name, pooled):
    graphs = [random_graph(n, e, seed=n) for n, e in ((5, 9), (1, 0), (8, 3), (2, 6))]
    model = build(name, pooled=pooled)
    alone = torch.cat([model(graph) for graph in graphs])
    torch.testing.assert_close(model(side_by_side(*graphs)), alone, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_gets_a_finite_gradient(name, pooled):
    model = build(name, pooled=pooled, edge_features=2).train()
    batch = side_by_side(*(random_graph(edge_features=2, seed=seed) for seed in range(8)))
    model(batch).square().sum().backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.isfinite().all(), label
        assert parameter.grad.any(), label


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_network_answers_at_a_sane_scale(name, pooled):
    batch = side_by_side(*(random_graph(20, 60, features=10, seed=seed) for seed in range(4)))
    logits = build(name, pooled=pooled, features=10)(batch)
    assert logits.shape == (4 if pooled else 80, 4)
    assert 0.01 < logits.std() < 10
    assert cross_entropy(logits, torch.arange(len(logits)) % 4) < 20


@pytest.mark.parametrize("name", NAMES)
def test_the_card_has_what_is_published(name):
    family = require_network(name).family
    assert set(read_families()[family]) == {"entities", "relations", "invariance"}
    row = read_published().get(name)
    assert (row is None) == require_network(name).is_ours
    if row is not None:
        preset = require_network(name)
        model = preset.architecture.model(
            preset.spec, in_features=row["in_features"], num_classes=row["num_classes"], pooled=False
        )
        assert sum(p.numel() for p in model.parameters()) == row["params"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [{"in_features": 0}, {"num_classes": 0}, {"edge_features": -1}])
def test_numbers_that_make_no_network_are_refused(name, wrong):
    preset = require_network(name)
    given = {"in_features": 3, "num_classes": 2, "edge_features": 0} | wrong
    with pytest.raises(SpecError) as error:
        preset.architecture.model(preset.spec, pooled=False, **given)
    assert str(error.value) == (
        "A graph network takes numbers of a node, perhaps of an edge, and knows 1 or more classes: got "
        f"in_features={given['in_features']}, edge_features={given['edge_features']} and "
        f"num_classes={given['num_classes']}."
    )


def test_dropout_is_a_probability():
    with pytest.raises(SpecError, match=r"drop_rate is a probability below 1: got 1\.0"):
        NetworkSpec(drop_rate=1.0)


@pytest.mark.compile
@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("_nano")])
@torch.no_grad()
def test_it_compiles(name):
    model = build(name, pooled=True, edge_features=2)
    compiled = torch.compile(model, backend="aot_eager")
    for seed in range(2):
        batch = side_by_side(*(random_graph(5 + seed, 9, edge_features=2, seed=seed + i) for i in range(3)))
        torch.testing.assert_close(compiled(batch), model(batch))
