"""Both tasks that read graphs, from files to answers."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anmok.backbone import Task
from anmok.errors import DataError, RequestError
from anmok.tasks import find_task
from anmok.training import loop
from anmok.training.choices import ClassBalance, Loss, Precision
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipe import Recipe
from anmok.training.recipes import read_recipe
from graph_files import NODES, one_graph, rings_and_paths, two_towns, write

CPU = torch.device("cpu")
NODE, GRAPH = (find_task(task) for task in (Task.NODE_CLASSIFICATION, Task.GRAPH_CLASSIFICATION))
SHORT = Recipe(epochs=6, evaluations=3, batch_size=16, label_smoothing=0.0, drop_rate=0.3, precision=Precision.FP32)


@pytest.fixture
def towns(tmp_path):
    return two_towns(tmp_path / "towns")


@pytest.fixture
def rings(tmp_path):
    return rings_and_paths(tmp_path / "rings", 64, splits=True)


def job(task, problem, model, recipe, *, seed=0, **more):
    torch.manual_seed(seed)
    return Fit(
        network=task.build(model, problem.config(), recipe, False),
        task=problem.training_task,
        train=problem.batches("train", recipe=recipe, seed=seed),
        select=problem.batches("select", recipe=recipe, seed=None) if recipe.evaluations else None,
        recipe=recipe,
        device=CPU,
        seed=seed,
        **more,
    )


def trained(task, path, model, recipe):
    problem = task.open(path, 0)
    once = job(task, problem, model, recipe)
    fit(once)
    return problem, once.network


def test_nodes_are_classified_by_what_they_are_joined_with(towns):
    recipe = read_recipe("gcn")
    problem, network = trained(NODE, towns, "gcn", recipe)
    row, f1 = problem.test(network, "test", CPU).rows
    assert (row.metric, row.n, f1.metric) == ("test_accuracy", 44, "test_macro_f1")
    assert row.low < row.value <= row.high
    assert row.value > 0.9
    problem, network = trained(NODE, towns, "node_mlp", recipe)
    assert problem.test(network, "test", CPU).rows[0].value < 0.8  # three of four nodes have features alike


def test_graphs_are_classified_by_what_edges_make_of_them(rings):
    recipe = Recipe(epochs=25, evaluations=5, batch_size=16, label_smoothing=0.0)
    problem, network = trained(GRAPH, rings, "graph_network_nano", recipe)
    assert problem.test(network, "test", CPU).rows[0].value == 1
    problem, network = trained(GRAPH, rings, "node_mlp_nano", recipe)
    assert problem.test(network, "test", CPU).rows[0].value < 0.8


def test_what_a_test_shows(towns):
    problem, network = trained(NODE, towns, "gcn", SHORT.changed({"batch_size": 32}))
    tested = problem.test(network, "test", CPU)
    assert [section.title for section in tested.sections] == ["Classes", "Confusion", "Worst mistakes"]
    assert sum(int(cell) for row in tested.sections[1].rows for cell in row[1:]) == 44
    mistakes = tested.sections[2]
    assert len(mistakes.rows) == min(20, round(44 * (1 - tested.rows[0].value)))
    assert tested.sections[0].columns == ("class", "nodes", "recall", "precision", "F1")
    assert problem.test(network, None, CPU).rows[0].n == 60


def test_config_is_plain_and_a_network_is_tested_on_further_data(rings, tmp_path):
    problem, network = trained(GRAPH, rings, "gcn_nano", SHORT)
    config = json.loads(json.dumps(problem.config()))
    assert config["classes"] == ["path", "ring"]
    assert config["features"] == ["constant"]
    again = GRAPH.reopen(rings, config)
    assert again.test(network, "test", CPU).rows == problem.test(network, "test", CPU).rows
    further = GRAPH.reopen(rings_and_paths(tmp_path / "more", 10), config)
    assert further.test(network, None, CPU).rows[0].n == 10
    with pytest.raises(DataError) as error:
        further.test(network, "test", CPU)
    assert str(error.value) == "There are no test graphs in 'more'. Name another split, or none."


@pytest.mark.parametrize("kind", ["node", "graph"])
def test_answers_are_a_table(kind, towns, rings, tmp_path):
    task, data, model = (NODE, towns, "gcn") if kind == "node" else (GRAPH, rings, "gcn_nano")
    problem, network = trained(task, data, model, SHORT.changed({"batch_size": 32}))
    (answer,) = task.answer(network.eval(), problem.config(), [str(data)], tmp_path / "out")
    assert (answer.asked, answer.probability) == (str(data), None)
    rows = list(csv.DictReader(Path(answer.answer).read_text().splitlines()))
    assert list(rows[0]) == [kind, "label", "probability"]
    assert len(rows) == (60 if kind == "node" else 64)
    labels = dict(zip(problem.splits[kind], problem.splits["label"], strict=True))
    tested = problem.splits.filter(split="test")[kind].to_list()
    right = np.mean([row["label"] == labels[row[kind]] for row in rows if row[kind] in tested])
    assert right == pytest.approx(problem.test(network, "test", CPU).rows[0].value)
    assert all(0.5 <= float(row["probability"]) <= 1 for row in rows)


def test_graphs_without_labels_are_answered(rings, tmp_path):
    problem, network = trained(GRAPH, rings, "gcn_nano", SHORT)
    bare = rings_and_paths(tmp_path / "bare", 6)
    (bare / "graphs.csv").unlink()
    (answer,) = GRAPH.answer(network.eval(), problem.config(), [str(bare)], tmp_path)
    first = [line.split(",")[0] for line in Path(answer.answer).read_text().splitlines()]
    assert first == ["graph", *(f"g{i}" for i in range(6))]


def test_two_of_one_name_are_refused(rings, tmp_path):
    problem, network = trained(GRAPH, rings, "gcn_nano", SHORT)
    answers = GRAPH.answer(network.eval(), problem.config(), [str(rings), f"{rings}/"], tmp_path)
    with pytest.raises(RequestError) as error:
        list(answers)
    assert str(error.value) == f"Answers are called as what was asked: '{rings}/' is the second of its name. Rename it."


class _KilledError(Exception):
    """Stands for kill -9: nothing is tidied up."""


@pytest.mark.parametrize("kind", ["node", "graph"])
def test_killed_anywhere_it_comes_to_the_same_bits(kind, towns, rings, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", float("inf"))
    task, data, model = (NODE, towns, "gcn") if kind == "node" else (GRAPH, rings, "graph_network_nano")
    recipe = SHORT.changed({"batch_size": 32} if kind == "node" else {"epochs": 2, "evaluations": 2})
    whole = job(task, task.open(data, 0), model, recipe)
    expected = fit(whole)

    def attempt(step):
        def die(done, total):
            if done == step:
                raise _KilledError

        problem = task.open(data, 0)  # as a new process does
        return job(task, problem, model, recipe, checkpoint=tmp_path / "c.safetensors", on_step=die)

    for step in (1, 3):
        with pytest.raises(_KilledError):
            fit(attempt(step))
    last = attempt(None)
    assert fit(last).losses == expected.losses
    for ours, theirs in zip(last.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_micro_batches_add_up_to_the_batch(rings):
    problem = GRAPH.open(rings, 0)
    once = job(GRAPH, problem, "gcn_nano", SHORT)
    (batch, *_) = problem.batches("train", recipe=SHORT, seed=0).epoch(0)
    task = problem.training_task

    def network(graphs):
        return [once.network.eval()(graphs)]

    whole = task.loss(network, batch, once)
    parts = sum(task.loss(network, batch.part(slice(i, i + 5)), once) for i in range(0, 16, 5))
    torch.testing.assert_close(parts, whole)


def test_the_loss_of_a_node_is_that_of_its_logits(towns):
    problem = NODE.open(towns, 0)
    recipe = SHORT.changed({"batch_size": 32, "class_balance": ClassBalance.LOSS, "loss": Loss.BINARY})
    once = job(NODE, problem, "gcn", recipe)
    (batch,) = problem.batches("train", recipe=recipe, seed=0).epoch(0)
    logits = once.network.eval()(batch.graphs)[[*range(4), *range(30, 34)]]
    wanted = torch.nn.functional.one_hot(torch.tensor([0] * 4 + [1] * 4), 2).float()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
    torch.testing.assert_close(problem.training_task.loss(lambda graphs: [once.network(graphs)], batch, once), expected)


def test_splits_that_are_missing_depend_on_the_seed_alone(tmp_path):
    rings = rings_and_paths(tmp_path / "g", 64)
    assert GRAPH.open(rings, 3).splits.equals(GRAPH.open(rings, 3).splits)
    assert not GRAPH.open(rings, 3).splits.equals(GRAPH.open(rings, 4).splits)


def message(call):
    with pytest.raises((DataError, RequestError)) as error:
        call()
    return str(error.value)


def test_settings_without_effect_are_refused(towns, rings):
    nodes, graphs = NODE.open(towns, 0), GRAPH.open(rings, 0)
    assert message(lambda: job(NODE, nodes, "gcn", SHORT)) == (
        "All nodes are one batch, since edges join them: got batch_size=16. Leave it out."
    )
    assert message(lambda: job(GRAPH, graphs, "gcn", replace(SHORT, class_balance=ClassBalance.SAMPLING))) == (
        "Each of the graphs is seen once an epoch: got class_balance='sampling'. Set it to 'loss', or leave it out."
    )
    assert message(lambda: job(GRAPH, graphs, "gcn", replace(SHORT, mixup=0.2))) == (
        "The recipe's mixup has no effect on graph classification: got 0.2. Leave it out."
    )
    assert message(lambda: GRAPH.build("gcn", graphs.config(), SHORT, True)) == (
        "There are no public weights of 'gcn': got pretrained=True. Leave it out."
    )


def test_data_of_another_kind_is_refused(towns, tmp_path):
    config = NODE.open(towns, 0).config()
    assert message(lambda: NODE.reopen(one_graph(tmp_path / "g"), config)) == (
        "A network reads the features that it was trained with, 1 of nodes: 'g' has 'y' as well. "
        "Give the same columns in the same order."
    )
    bare = one_graph(tmp_path / "bare", nodes="node,label\na,a\n", edges="source,target\n")
    assert "1 of nodes: 'bare' lacks 'x'." in message(lambda: NODE.reopen(bare, config))
    heavy = write(tmp_path / "heavy", nodes="node,x\na,1\n", edges="source,target,w\na,a,1\n")
    assert "0 of edges: 'heavy' has 'w' as well." in message(lambda: NODE.reopen(heavy, config))
    both = NODE.open(one_graph(tmp_path / "both", nodes=NODES), 0).config()
    turned = one_graph(tmp_path / "turned", nodes="node,y,x\na,1,2\n", edges="source,target\n")
    assert "'turned' has another order." in message(lambda: NODE.reopen(turned, both))
    other = one_graph(tmp_path / "other", nodes="node,label,x\na,mars,1\n", edges="source,target\n")
    assert message(lambda: NODE.reopen(other, config)) == (
        "A label is one of the 2 classes that the network knows: 'other' has 'mars'. Rename it, or leave it empty."
    )


def test_graphs_without_a_table_of_labels_cannot_be_learnt(rings):
    (rings / "graphs.csv").unlink()
    assert message(lambda: GRAPH.open(rings, 0)) == (
        "A training needs labels: 'rings' has none. Add a column label to graphs.csv."
    )
