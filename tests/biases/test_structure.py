"""What theory says of building blocks, found by measurement: the zeros are exact but for rounding in float64."""

import pytest
import torch
from torch import nn

from anmok.biases.components import COMPONENTS
from anmok.biases.entities import Component
from anmok.biases.fitting import PARAMS, build, fit_width
from anmok.biases.structure import METRICS, UNIFORM, structure, word
from anmok.biases.tasks import TASKS
from anmok.evaluation.cost import count_params
from anmok.probes import Status

ZERO = 1e-12


@pytest.fixture(scope="module")
def table():
    return {component.name: {r.metric: r for r in structure(component)} for component in COMPONENTS}


def test_every_metric_has_its_row(table):
    for row in table.values():
        assert tuple(row) == tuple(metric.name for metric in METRICS)
        assert {result.status for result in row.values()} == {Status.OK}


@pytest.mark.parametrize(
    ("name", "zeros"),
    [
        ("fully connected", set()),
        ("convolution", {"space shift", "time shift"}),
        ("circular convolution", {"space shift", "time shift"}),
        ("recurrent", {"space shift"}),  # row by row, a shift is a delay, and the start is long forgotten
        ("graph network", {"space shift", "time shift", "node order"}),
        ("attention, positions", set()),
        ("attention", {"space shift", "time shift", "set order"}),
    ],
)
def test_what_is_built_in_is_zero_and_nothing_else_is(table, name, zeros):
    errors = {m: table[name][m].value for m in ("space shift", "time shift", "node order", "set order")}
    assert {metric for metric, value in errors.items() if value < ZERO} == zeros
    assert {metric for metric in errors if word(table[name][metric]) == "built in"} == zeros


def test_what_is_approximate_and_absent(table):
    assert word(table["recurrent"]["time shift"]) == "approximate"  # the state it starts from fades
    assert word(table["graph network"]["set order"]) == "approximate"  # neighbours in a chain, where none are given
    assert all(word(table["fully connected"][m]) == "absent" for m in ("space shift", "time shift", "set order"))
    assert word(table["attention, positions"]["set order"]) == "absent"


def test_parameters_grow_with_the_entities_where_each_has_its_own(table):
    grown = {name: row["parameters"].value for name, row in table.items()}
    assert grown.pop("fully connected") == pytest.approx(1, abs=0.03)  # all weights, not the hidden biases
    assert set(grown.values()) == {0}


def test_sizes_that_run(table):
    assert {name: row["runs at"].value for name, row in table.items()} == {
        "fully connected": 1,
        "convolution": 4,
        "circular convolution": 4,
        "recurrent": 4,
        "graph network": 4,
        "attention, positions": 2,
        "attention": 4,
    }
    assert table["attention, positions"]["runs at"].note.endswith("There are 64 learned positions: got 128 entities")


def test_what_the_jacobian_reaches(table):
    near = {name: row["near share"].value for name, row in table.items()}
    assert near["convolution"] == near["graph network"] == pytest.approx(1, abs=ZERO)  # three layers reach three places
    assert near["fully connected"] == pytest.approx(UNIFORM, abs=0.05)
    assert near["attention"] == pytest.approx(UNIFORM, abs=0.05)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_the_components_have_equal_numbers_of_parameters(component):
    for task in TASKS:
        samples = task.draw(2, "id", torch.Generator().manual_seed(0))
        entities = task.entities(samples)
        sizes = count_params(build(component, entities, fit_width(component, entities), seed=0))
        assert sizes == pytest.approx(PARAMS, rel=0.2)


class Each(nn.Module):
    """Answers for each entity by itself."""

    def __init__(self, entities, width):
        super().__init__()
        self.linear = nn.Linear(entities.c, entities.out)

    def forward(self, x, adjacency=None):
        return self.linear(x)


class Constant(Each):
    def forward(self, x, adjacency=None):
        return self.linear(torch.zeros_like(x))


class Broken(Each):
    def forward(self, x, adjacency=None):
        raise RuntimeError("no such thing")


def measured(make):
    return {r.metric: r for r in structure(Component(name="theirs", make=make, has_width=False))}


def test_a_component_that_looks_at_nothing_else_has_no_near_share():
    row = measured(Each)
    assert [word(row[m]) for m in ("space shift", "time shift", "set order")] == ["built in"] * 3
    assert row["near share"].note == "the answer depends on nothing there"


def test_a_component_that_sees_nothing_has_no_errors():
    row = measured(Constant)
    assert row["space shift"].status is Status.NOT_APPLICABLE
    assert row["space shift"].note == "the answer depends on nothing there"


def test_what_a_component_raises_is_the_reason():
    row = measured(Broken)
    assert row["time shift"].note == row["runs at"].note == "RuntimeError: no such thing"
    assert row["parameters"].status is Status.OK


def test_torch_and_its_random_numbers_are_left_alone():
    before = (torch.get_rng_state().numpy().tobytes(), torch.get_num_threads(), torch.is_grad_enabled())
    structure(COMPONENTS[0])
    assert (torch.get_rng_state().numpy().tobytes(), torch.get_num_threads(), torch.is_grad_enabled()) == before
