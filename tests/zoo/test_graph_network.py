from dataclasses import replace
from itertools import product

import pytest
import torch

from anmok.errors import SpecError
from anmok.layers import Aggregation
from anmok.zoo.graph_network import Attributes, GraphBlock, GraphNetwork, GraphNetworkSpec, Part, Update
from small_graphs import random_graph, side_by_side


def fold(rows, how):
    if not rows:
        return torch.zeros(4, dtype=torch.float64)
    stacked = torch.stack(rows)
    return {"sum": stacked.sum(0), "mean": stacked.mean(0), "max": stacked.amax(0)}[how]


def perceptron(update, *parts):
    """phi of attributes side by side, by the book."""
    x = update.first(torch.cat(parts))
    return update.rest(x)


@pytest.mark.parametrize(("to_node", "to_graph"), list(product(Aggregation, Aggregation)))
def test_the_block_is_algorithm_1(to_node, to_graph):
    torch.manual_seed(0)
    graphs = side_by_side(random_graph(4, 7, seed=1), random_graph(1, 0, seed=2), random_graph(3, 5, seed=3))
    block = GraphBlock(5, 4, depth=2, to_node=to_node, to_graph=to_graph).double()
    e, v, u = (torch.randn(n, 5, dtype=torch.float64) for n in (12, 8, 3))
    senders, receivers, graph_of = (x.tolist() for x in (graphs.senders, graphs.receivers, graphs.graph_of))
    new_e = [perceptron(block.edge, e[k], v[receivers[k]], v[senders[k]], u[graph_of[receivers[k]]]) for k in range(12)]
    new_v, new_u = [], []
    for i in range(8):
        arriving = fold([new_e[k] for k in range(12) if receivers[k] == i], to_node)
        new_v.append(perceptron(block.node, arriving, v[i], u[graph_of[i]]))
    for g in range(3):
        all_e = fold([new_e[k] for k in range(12) if graph_of[receivers[k]] == g], to_graph)
        all_v = fold([new_v[i] for i in range(8) if graph_of[i] == g], to_graph)
        new_u.append(perceptron(block.graph, all_e, all_v, u[g]))
    found = block(Attributes(e, v, u), graphs)
    for ours, expected in zip(found, (new_e, new_v, new_u), strict=True):
        torch.testing.assert_close(ours, torch.stack(expected), rtol=1e-10, atol=1e-10)


def test_parts_one_by_one_are_parts_side_by_side():
    update = Update((3, 2), 4, 3).double()
    x, y = torch.randn(6, 3, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)
    at = torch.tensor([0, 1, 1, 0, 0, 1])
    torch.testing.assert_close(update(Part(x), Part(y, at)), update.rest(update.first(torch.cat((x, y[at]), 1))))


@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_an_answer_comes_from_as_far_as_there_are_rounds(rounds):
    """On a path, without a graph attribute that would carry everything everywhere."""
    spec = GraphNetworkSpec(width=8, rounds=rounds)
    model = GraphNetwork(spec, in_features=3, num_classes=2, pooled=False).double().eval()
    widths = model.core.node.widths
    model.core.node.first.weight.data[:, sum(widths[:2]) :] = 0  # the graph says nothing to nodes,
    model.core.edge.first.weight.data[:, sum(model.core.edge.widths[:3]) :] = 0  # nor to edges
    steps = torch.arange(9)
    path = random_graph(10, 9)._replace(senders=steps, receivers=steps + 1)
    path.nodes.requires_grad_()
    (gradient,) = torch.autograd.grad(model(path)[9].sum(), path.nodes)
    assert gradient.any(1).tolist() == [9 - i <= rounds for i in range(10)]


def test_the_graph_attribute_joins_nodes_that_no_path_joins():
    model = GraphNetwork(GraphNetworkSpec(rounds=2), in_features=3, num_classes=2, pooled=False).double().eval()
    graph = random_graph(4, 0)
    graph.nodes.requires_grad_()
    (gradient,) = torch.autograd.grad(model(graph)[0].sum(), graph.nodes)
    assert gradient.any(1).all()


def test_edge_features_and_directions_matter():
    model = GraphNetwork(GraphNetworkSpec(), in_features=3, num_classes=2, pooled=True, edge_features=2).double()
    graph = random_graph(edge_features=2)
    turned = graph._replace(senders=graph.receivers, receivers=graph.senders)
    assert not torch.allclose(model(graph), model(turned))
    assert not torch.allclose(model(graph), model(graph._replace(edges=2 * graph.edges)))


def test_the_rounds_share_their_weights():
    few, many = (
        GraphNetwork(replace(GraphNetworkSpec(), rounds=rounds), in_features=3, num_classes=2, pooled=False)
        for rounds in (1, 10)
    )
    assert {k: v.shape for k, v in few.state_dict().items()} == {k: v.shape for k, v in many.state_dict().items()}


@pytest.mark.parametrize("wrong", [{"width": 0}, {"depth": 0}, {"rounds": 0}])
def test_a_network_of_nothing_is_refused(wrong):
    given = {"width": 16, "depth": 2, "rounds": 10} | wrong
    with pytest.raises(SpecError) as error:
        GraphNetworkSpec(**wrong)
    assert str(error.value) == (
        f"A graph network has 1 or more units, layers and rounds: got width={given['width']}, "
        f"depth={given['depth']} and rounds={given['rounds']}. Raise them."
    )
