import pytest
import torch
from torch import nn

from anmok.biases import vision
from anmok.biases.vision import METRICS, data_efficiency
from anmok.probes import Status


class Local(nn.Module):
    """Filters of 8 x 8 pixels, and the strongest answer of each wherever it is."""

    def __init__(self, classes):
        super().__init__()
        self.filters = nn.Conv2d(3, 16, 8)
        self.head = nn.Linear(16, classes)

    def forward(self, images):
        return self.head(self.filters(images).amax((2, 3)))


def everywhere(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 32), nn.ReLU(), nn.Linear(32, classes))


@pytest.fixture(autouse=True)
def _fewer_steps(monkeypatch):
    monkeypatch.setattr(vision, "_STEPS", 60)


def test_a_local_network_needs_fewer_images_and_finds_the_pattern_elsewhere():
    local = {r.metric: r for r in data_efficiency(Local)}
    assert [*local] == [metric.name for metric in METRICS]
    assert {r.status for r in local.values()} == {Status.OK}
    assert all(r.low <= r.value <= r.high for r in local.values())
    far = {r.metric: r for r in data_efficiency(everywhere)}
    assert local["ALC"].value > far["ALC"].value + 0.3
    assert local["accuracy elsewhere"].value > 0.9
    assert far["accuracy elsewhere"].value < 0.4
    assert local["accuracy larger"].value > 0.9


def test_a_network_of_one_size_has_no_accuracy_at_another():
    larger = data_efficiency(everywhere)[2]
    assert larger.status is Status.NOT_APPLICABLE
    assert larger.note.startswith("RuntimeError: mat1 and mat2 shapes cannot be multiplied")


def test_results_depend_on_the_seed_alone():
    one, two, other = (data_efficiency(everywhere, seed=seed) for seed in (0, 0, 1))
    assert one[:2] == two[:2]
    assert one[:2] != other[:2]


def test_a_network_that_raises_gives_the_reason():
    def broken(classes):
        raise RuntimeError("no weights today")

    rows = data_efficiency(broken)
    assert [r.metric for r in rows] == [metric.name for metric in METRICS]
    assert {r.note for r in rows} == {"RuntimeError: no weights today"}


def test_torch_and_its_random_numbers_are_left_alone():
    before = (torch.get_rng_state().numpy().tobytes(), torch.get_num_threads())
    told = []
    data_efficiency(everywhere, progress=lambda *done: told.append(done[:2]))
    assert (torch.get_rng_state().numpy().tobytes(), torch.get_num_threads()) == before
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
