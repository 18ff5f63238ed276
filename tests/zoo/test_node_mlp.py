import pytest
import torch
from torch import nn

from anmok.errors import SpecError
from anmok.zoo.node_mlp import NodeMlp, NodeMlpSpec
from small_graphs import random_graph


def linear_maps(model):
    return [m for m in model.modules() if isinstance(m, nn.Linear)]


def test_a_node_is_judged_by_itself():
    graph = random_graph()
    model = NodeMlp(NodeMlpSpec(widths=(5, 4)), in_features=3, num_classes=2, pooled=False).double().eval()
    first, second, head = linear_maps(model)
    hidden = second(first(graph.nodes).clamp(min=0)).clamp(min=0)
    torch.testing.assert_close(model(graph), head(hidden))


def test_a_graph_is_the_sum_of_its_nodes():
    graph = random_graph()
    model = NodeMlp(NodeMlpSpec(widths=(5,)), in_features=3, num_classes=2, pooled=True).double().eval()
    phi, rho, head = linear_maps(model)
    total = phi(graph.nodes).clamp(min=0).sum(0, keepdim=True)
    torch.testing.assert_close(model(graph), head(rho(total).clamp(min=0)))


@pytest.mark.parametrize("pooled", [False, True])
def test_edges_say_nothing(pooled):
    model = NodeMlp(NodeMlpSpec(), in_features=3, num_classes=2, pooled=pooled).double().eval()
    graph, other = random_graph(seed=1), random_graph(seed=2)
    assert torch.equal(model(graph), model(other._replace(nodes=graph.nodes)))


def test_a_network_without_units_is_refused():
    with pytest.raises(SpecError) as error:
        NodeMlpSpec(widths=(16, 0))
    assert str(error.value) == (
        "A perceptron has hidden layers of 1 or more units: got widths=(16, 0). Give such as (16,)."
    )
