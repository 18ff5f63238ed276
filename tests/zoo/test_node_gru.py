import pytest
import torch

from anmok.errors import SpecError
from anmok.zoo.node_gru import NodeGru, NodeGruSpec
from small_graphs import random_graph, reordered_nodes


def equations(model, rows):
    """The states of a gated recurrent unit, one after another."""
    gru = model.recurrent
    state, states = torch.zeros(gru.hidden_size, dtype=torch.float64), []
    for row in rows:
        seen = gru.weight_ih_l0 @ row + gru.bias_ih_l0
        kept = gru.weight_hh_l0 @ state + gru.bias_hh_l0
        reset, update = ((a + b).sigmoid() for a, b in zip(seen.chunk(3)[:2], kept.chunk(3)[:2], strict=True))
        new = (seen.chunk(3)[2] + reset * kept.chunk(3)[2]).tanh()
        state = (1 - update) * new + update * state
        states.append(state)
    return torch.stack(states)


@pytest.mark.parametrize("pooled", [False, True])
def test_answers_are_those_of_the_equations(pooled):
    graph = random_graph()
    model = NodeGru(NodeGruSpec(width=5), in_features=3, num_classes=2, pooled=pooled).double().eval()
    states = equations(model, graph.nodes)
    torch.testing.assert_close(model(graph), model.head(states[-1:] if pooled else states))


def test_the_order_of_nodes_matters_and_edges_do_not():
    graph, other = random_graph(seed=1), random_graph(seed=2)
    model = NodeGru(NodeGruSpec(), in_features=3, num_classes=2, pooled=True).double().eval()
    assert torch.equal(model(graph), model(other._replace(nodes=graph.nodes)))
    assert not torch.allclose(model(graph), model(reordered_nodes(graph, torch.arange(6, -1, -1))))


def test_a_network_without_units_is_refused():
    with pytest.raises(SpecError) as error:
        NodeGruSpec(width=0)
    assert str(error.value) == "A recurrent network has 1 or more units: got width=0. Raise it."
