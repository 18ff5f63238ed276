"""One class for each node of a graph."""

from functools import partial

from anmok import backbone
from anmok.tasks.graph_problem import answer_graphs, build_graph_network, open_graphs, reopen_graphs
from anmok.tasks.task import Task

TASK = Task(
    task=backbone.Task.NODE_CLASSIFICATION,
    recipe="gcn",
    open=partial(open_graphs, pooled=False),
    reopen=partial(reopen_graphs, pooled=False),
    build=partial(build_graph_network, pooled=False),
    answer=partial(answer_graphs, pooled=False),
)
