"""Random graphs, and what can be done to them without changing what they are."""

import torch

from anmok.backbone import Graphs


def random_graph(nodes=7, edges=12, *, features=3, edge_features=0, seed=0):
    """Directed, with repeated edges and loops as they come."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    senders, receivers = torch.randint(nodes, (2, edges), generator=generator)
    return Graphs(
        nodes=normal(nodes, features),
        senders=senders,
        receivers=receivers,
        graph_of=torch.zeros(nodes, dtype=torch.long),
        edges=normal(edges, edge_features) if edge_features else None,
    )


def side_by_side(*graphs):
    """Several as one batch."""
    starts = torch.tensor([0, *(len(g.nodes) for g in graphs)]).cumsum(0).tolist()
    return Graphs(
        nodes=torch.cat([g.nodes for g in graphs]),
        senders=torch.cat([g.senders + start for g, start in zip(graphs, starts, strict=False)]),
        receivers=torch.cat([g.receivers + start for g, start in zip(graphs, starts, strict=False)]),
        graph_of=torch.cat([g.graph_of + i for i, g in enumerate(graphs)]),
        number=len(graphs),
        edges=None if graphs[0].edges is None else torch.cat([g.edges for g in graphs]),
    )


def reordered_nodes(graph, order):
    """The node at place i is the one that was at `order[i]`."""
    place = order.argsort()
    return graph._replace(nodes=graph.nodes[order], senders=place[graph.senders], receivers=place[graph.receivers])


def reordered_edges(graph, order):
    return graph._replace(
        senders=graph.senders[order],
        receivers=graph.receivers[order],
        edges=None if graph.edges is None else graph.edges[order],
    )
