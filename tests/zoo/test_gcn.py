import pytest
import torch

from anmok.errors import SpecError
from anmok.zoo.gcn import Gcn, GcnSpec
from small_graphs import random_graph


def normalised(graph):
    """D^-1/2 (A + I) D^-1/2 as a dense matrix; A counts edges that stand several times."""
    n = len(graph.nodes)
    adjacency = torch.eye(n, dtype=torch.float64)
    for sender, receiver in zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True):
        adjacency[receiver, sender] += 1
    degree = torch.diag(adjacency.sum(1) ** -0.5)
    return degree @ adjacency @ degree


def undirected(graph):
    return graph._replace(
        senders=torch.cat((graph.senders, graph.receivers)), receivers=torch.cat((graph.receivers, graph.senders))
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("widths", [(6,), (6, 5)])
def test_it_is_the_dense_formula(seed, widths):
    graph = undirected(random_graph(9, 12, seed=seed))
    model = Gcn(GcnSpec(widths=widths), in_features=3, num_classes=2, pooled=False).double().eval()
    matrix, x = normalised(graph), graph.nodes
    *hidden, last = (layer.weight.weight.T for layer in model.layers)
    for weight in hidden:
        x = (matrix @ x @ weight).clamp(min=0)
    torch.testing.assert_close(model(graph), matrix @ x @ last, rtol=1e-12, atol=1e-12)


def test_a_directed_edge_is_heard_where_it_arrives():
    graph = random_graph(9, 12, seed=3)
    model = Gcn(GcnSpec(), in_features=3, num_classes=2, pooled=False).double().eval()
    matrix = normalised(graph)
    first, last = (layer.weight.weight.T for layer in model.layers)
    expected = matrix @ (matrix @ graph.nodes @ first).clamp(min=0) @ last
    torch.testing.assert_close(model(graph), expected, rtol=1e-12, atol=1e-12)


def test_a_graph_answers_by_the_mean_of_its_nodes():
    graph = random_graph()
    torch.manual_seed(0)
    single = Gcn(GcnSpec(), in_features=3, num_classes=2, pooled=False).double().eval()
    whole = Gcn(GcnSpec(), in_features=3, num_classes=2, pooled=True).double().eval()
    whole.load_state_dict(single.state_dict())
    torch.testing.assert_close(whole(graph), single(graph).mean(0, keepdim=True))


def test_dropout_is_before_every_layer():
    model = Gcn(GcnSpec(), in_features=3, num_classes=2, pooled=False).double()
    graph = random_graph()
    model.dropout.p = 1.0
    assert not model.train()(graph).any()


def test_a_network_without_units_is_refused():
    with pytest.raises(SpecError) as error:
        GcnSpec(widths=())
    assert str(error.value) == "A GCN has hidden layers of 1 or more units: got widths=(). Give such as (16,)."
