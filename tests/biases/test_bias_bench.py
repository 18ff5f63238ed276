"""Each component wins the task that its own bias makes easy, by a wide margin, in half of its steps already."""

from dataclasses import replace
from functools import cache
from math import isnan, log

import pytest
import torch
from torch import nn

from anmok.biases.bench import CURVE, Run, train_and_test, trained, trained_metrics
from anmok.biases.components import COMPONENTS
from anmok.biases.entities import Component
from anmok.biases.learning_curve import area
from anmok.biases.tasks import MOTIF, TASKS
from anmok.probes import Status

OF = {component.name: component for component in COMPONENTS}
TASK = {task.name: task for task in TASKS}
ALL = {"fully connected", "convolution", "recurrent", "graph network", "attention, positions", "attention"}
DECIDING = {
    "motif": {"convolution", "fully connected"},
    "latch": ALL,
    "graph": ALL,
    "wire": ALL | {"circular convolution"},
    "lag 16": {"convolution", "graph network", "fully connected", "attention, positions"},
    "recall": ALL - {"attention, positions"},
}


@cache
def found(task: str) -> dict[tuple[str, str], float]:
    """Accuracy of each deciding component on each split."""
    brief = replace(TASK[task], steps=TASK[task].steps // 2)
    runs = [Run(component=OF[name], task=brief, train=brief.train, seed=0) for name in DECIDING[task]]
    return {(run.component.name, r.metric): r.value for run in runs for r in train_and_test(run)}


def others(accuracy, metric, *winners):
    return [
        value for (name, of), value in accuracy.items() if of == metric and name not in winners and not isnan(value)
    ]


def test_motif_needs_locality_and_translation_in_space():
    accuracy = found("motif")
    assert accuracy["convolution", "motif ood"] >= 0.9
    assert accuracy["fully connected", "motif ood"] <= 0.35


def test_latch_needs_sequence_and_translation_in_time():
    accuracy = found("latch")
    assert accuracy["recurrent", "latch long"] >= 0.95
    assert max(others(accuracy, "latch long", "recurrent")) <= 0.8
    assert isnan(accuracy["fully connected", "latch long"])


def test_graph_needs_given_relations_and_permutation():
    accuracy = found("graph")
    assert accuracy["graph network", "graph ood"] >= 0.98
    assert max(others(accuracy, "graph ood", "graph network")) <= 0.95


def test_wire_needs_a_weight_for_each_entity_and_zero_padding_tells_places_apart():
    accuracy = found("wire")
    assert accuracy["fully connected", "wire id"] >= 0.8
    assert max(others(accuracy, "wire id", "fully connected")) <= 0.75
    assert accuracy["convolution", "wire id"] >= 0.45
    assert accuracy["circular convolution", "wire id"] <= 0.35


def test_lag_16_needs_reach():
    accuracy = found("lag 16")
    assert max(accuracy["convolution", "lag 16 id"], accuracy["graph network", "lag 16 id"]) <= 0.55
    assert min(accuracy["attention, positions", "lag 16 id"], accuracy["fully connected", "lag 16 id"]) >= 0.95


def test_recall_needs_relations_by_content():
    accuracy = found("recall")
    assert accuracy["attention", "recall id"] >= 0.95
    assert max(others(accuracy, "recall id", "attention")) <= 0.6


SHORT = replace(TASK["latch"], steps=5, train=64)


def test_results_depend_on_the_seed_alone():
    one, two, other = (
        train_and_test(Run(component=OF["convolution"], task=SHORT, train=64, seed=seed)) for seed in (0, 0, 1)
    )
    assert one == two
    assert one != other
    assert all(r.low <= r.value <= r.high and r.status is Status.OK for r in one)


def test_the_learning_curve_comes_with_motif_and_progress_is_told():
    brief, told = replace(MOTIF, steps=5), []
    components = [OF["fully connected"]]
    rows = trained(components, [brief, SHORT], progress=lambda *done: told.append(done))["fully connected"]
    assert [r.metric for r in rows] == ["motif id", "motif ood", "latch id", "latch ood", "latch long", "ALC"]
    assert [done[:2] for done in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert rows[-1].low <= rows[-1].value <= rows[-1].high
    assert [m.name for m in trained_metrics(brief, 64)] == ["motif id", "motif ood"]


def test_two_processes_find_what_one_finds():
    tasks = [SHORT, replace(TASK["recall"], steps=5)]
    assert trained([OF["recurrent"]], tasks, workers=2) == trained([OF["recurrent"]], tasks)


def test_the_area_by_hand():
    assert area(CURVE, [0.25, 0.25, 0.25], 0.25) == 0
    assert area(CURVE, [1, 1, 1], 0.25) == pytest.approx(1)
    assert area((10, 100, 1000), [0, 1, 1], 0) == pytest.approx(0.75)
    uneven = (0.5 * log(2) + 1 * log(5)) / log(10)
    assert area((1, 2, 10), [0, 1, 1], 0) == pytest.approx(uneven)


class Flat(nn.Module):
    """Forgets which entity it answers for."""

    def __init__(self, entities, width):
        super().__init__()
        self.linear = nn.Linear(entities.c, entities.out)

    def forward(self, x, adjacency=None):
        return self.linear(x.mean(1))


class Diverging(Flat):
    def forward(self, x, adjacency=None):
        raise RuntimeError("out of patience")


def test_what_a_component_cannot_do_is_the_reason():
    run = Run(component=Component(name="flat", make=Flat, has_width=False), task=SHORT, train=64, seed=0)
    (first, *_) = train_and_test(run)
    assert first.note == "ValueError: it must answer (2, 16, 2) when given (2, 16, 6): got (2, 2)"
    (first, *_) = train_and_test(replace(run, component=Component(name="theirs", make=Diverging, has_width=False)))
    assert (first.note, first.status) == ("RuntimeError: out of patience", Status.NOT_APPLICABLE)


def test_torch_and_its_random_numbers_are_left_alone():
    before = (torch.get_rng_state().numpy().tobytes(), torch.get_num_threads(), torch.is_grad_enabled())
    train_and_test(Run(component=OF["attention"], task=SHORT, train=64, seed=0))
    assert (torch.get_rng_state().numpy().tobytes(), torch.get_num_threads(), torch.is_grad_enabled()) == before
