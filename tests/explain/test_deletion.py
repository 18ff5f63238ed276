"""The check of a map: planted evidence, and maps that say nothing."""

import pytest
import torch
from torch import nn

from anmok.explain import check_by_deletion
from small_backbones import fingerprint

SIZE = 24


class Planted(nn.Module):
    """Certain where a patch at a known place is striped, and nowhere else does it look."""

    def __init__(self) -> None:
        super().__init__()
        stripes = 2.0 * (torch.arange(6) % 2) - 1
        self.stripes = nn.Parameter(stripes.expand(3, 6, 6).clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = 12 * (x[:, :, 4:10, 14:20] * self.stripes).mean((1, 2, 3)) - 3
        return torch.stack((-found, found), dim=1)


@pytest.fixture
def image() -> torch.Tensor:
    x = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
    x[:, 4:10, 14:20] = (torch.arange(6) % 2).float()
    return x


def _map(rows: slice, columns: slice) -> torch.Tensor:
    heat = torch.zeros(SIZE, SIZE)
    heat[rows, columns] = 1.0
    return heat


def test_a_map_of_the_evidence_beats_chance_clearly(image):
    found = check_by_deletion(Planted(), image, _map(slice(4, 10), slice(14, 20)), 1)
    assert found.value < found.low
    assert found.ratio < 0.5
    assert found.low <= found.moved <= found.high
    assert found.n == 20


def test_a_map_of_the_wrong_place_does_not(image):
    found = check_by_deletion(Planted(), image, _map(slice(16, 22), slice(2, 8)), 1)
    assert found.value > found.low
    assert found.ratio > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_a_random_map_does_not_beat_chance(image, seed):
    heat = torch.rand(SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    found = check_by_deletion(Planted(), image, heat, 1)
    assert 0.7 < found.ratio < 1.3
    assert found.value > 0.9 * found.low


def test_a_map_without_heat_is_chance(image):
    found = check_by_deletion(Planted(), image, torch.zeros(SIZE, SIZE), 1)
    assert 0.7 < found.ratio < 1.3


def test_the_area_of_what_does_not_fall_is_the_probability(image):
    class Constant(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tensor([0.0, 1.0]).expand(len(x), 2)

    found = check_by_deletion(Constant(), image, _map(slice(0, 9), slice(0, 9)), 0)
    expected = float(torch.tensor([0.0, 1.0]).softmax(0)[0])
    for value in (found.value, found.moved, found.low, found.high):
        assert value == pytest.approx(expected)
    assert found.ratio == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_numbers_and_the_network_is_left_as_it_was(image):
    network, heat = Planted(), _map(slice(0, 9), slice(0, 9))
    before = fingerprint(network)
    assert check_by_deletion(network, image, heat, 1) == check_by_deletion(network, image, heat, 1)
    assert fingerprint(network) == before
