"""One class for a graph."""

from functools import partial

from anmok import backbone
from anmok.tasks.graph_problem import answer_graphs, build_graph_network, open_graphs, reopen_graphs
from anmok.tasks.task import Task

TASK = Task(
    task=backbone.Task.GRAPH_CLASSIFICATION,
    recipe="graph_network",
    open=partial(open_graphs, pooled=True),
    reopen=partial(reopen_graphs, pooled=True),
    build=partial(build_graph_network, pooled=True),
    answer=partial(answer_graphs, pooled=True),
)
