from math import sqrt

import pytest
import torch
from einops import rearrange
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anmok.catalogue import create_model
from anmok.probes import Status, Subject, pink_noise
from anmok.probes.order import METRICS, PROBE, order_change, random_orders
from anmok.probes.run import ask
from small_backbones import fingerprint


def noise(count: int = 32, size: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 3, size, size), generator=generator, dtype=torch.uint8)


def look(network: nn.Module, pixels: torch.Tensor, *, trained: bool = False):
    found = ask(PROBE, Subject(name="a", network=network, pixels=pixels, source="noise", trained=trained))
    assert [(row.metric, row.definition, row.unit) for row in found] == [tuple(metric) for metric in METRICS]
    return found


class Set(nn.Module):
    """Elements that attend to one another, with positions or without, and their mean."""

    def __init__(self, *, positions: int = 0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.positions = nn.Parameter(torch.randn(positions, 8)) if positions else None

    def forward(self, elements: torch.Tensor) -> torch.Tensor:
        placed = elements if self.positions is None else elements + self.positions
        return torch.relu(placed + self.attention(placed, placed, placed)[0]).mean(1)


class Patches(nn.Module):
    """An image's patches of 4 px as such a set."""

    def __init__(self, *, positions: int = 0) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.set = Set(positions=positions)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.set(rearrange(self.patches(images), "b c h w -> b (h w) c"))


class BagOfPixels(nn.Module):
    """Sums of whole numbers, which are exact in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.mix(images)
        return (255 * images).round().double().sum((2, 3))


class FirstPixel(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :, 0, 0]


def test_a_bag_of_pixels_knows_no_order():
    tiles, patches, kept = look(BagOfPixels(), noise(), trained=True)
    assert (tiles.value, tiles.low, tiles.high, tiles.n) == (0, 0, 0, 32)
    assert (patches.value, patches.grid) == (0, (8, 8))
    assert (kept.value, kept.answers) == (1, 3)


def test_to_a_reader_of_one_pixel_another_order_is_another_image():
    """But for one order in sixteen, which leaves the first tile where it is."""
    tiles, patches, _ = look(FirstPixel(), noise())
    assert tiles.low <= sqrt(15 / 16) <= tiles.high
    assert patches.note == "no feature map with more than one place was found"


def test_attention_knows_no_order_of_patches_unless_it_has_positions():
    pixels = noise(size=32)
    without = look(Patches(), pixels)
    assert without[1].grid == (8, 8)
    assert max(without[0].value, without[1].value) < 1e-4  # tiles are whole patches
    assert look(Patches(positions=64), pixels)[1].value > 0.3


@settings(max_examples=20)
@given(st.integers(2, 12), st.integers(0, 1000))
def test_sets(elements, seed):
    given_ = torch.randn(5, elements, 8, generator=torch.Generator().manual_seed(seed))
    orders = random_orders(5, elements, seed)
    assert orders.sort(1).values.tolist() == [list(range(elements))] * 5
    with torch.no_grad():
        assert order_change(Set(), given_, orders) < 1e-4
        assert order_change(lambda x: x.mean(1), given_, orders) < 1e-6


def test_sequences_that_are_reversed():
    torch.manual_seed(0)
    network, sequences = nn.GRU(8, 8, batch_first=True), torch.randn(6, 10, 8)
    backwards = torch.arange(10).flip(0).expand(6, 10)
    with torch.no_grad():
        assert order_change(lambda x: network(x)[0][:, -1], sequences, backwards) > 0.3
        assert order_change(Set(positions=10), sequences, backwards) > 0.1
        assert order_change(Set(), sequences, backwards) < 1e-4
        assert order_change(lambda x: network(x)[0], sequences, torch.arange(10).expand(6, 10)) == 0


def test_an_order_that_changes_everything_is_another_image():
    """Independent elements, of which one is read: the expected squares are the same."""
    elements = torch.randn(4000, 2, 3, generator=torch.Generator().manual_seed(0))
    swapped = torch.tensor([[1, 0]]).expand(4000, 2)
    assert order_change(lambda x: x[:, 0], elements, swapped) == pytest.approx(1, rel=0.05)


def test_reasons():
    one = look(BagOfPixels(), noise(1))
    assert [row.note for row in one[:2]] == ["differences between images take two of them, and there is one"] * 2
    assert one[2].note == "an untrained network's answers mean nothing"
    alike = look(BagOfPixels(), noise(1).expand(5, 3, 8, 8), trained=True)
    assert [row.note for row in alike[:2]] == ["all images are answered alike"] * 2
    assert alike[2].note == "all 5 images are given the same answer"
    small = look(FirstPixel(), noise(5, 3), trained=True)
    assert (small[0].note, small[2].note) == ("4 x 4 tiles do not fit into 3 x 3 px",) * 2
    assert {row.status for row in (*one, *alike, *small)} == {Status.NOT_APPLICABLE}


def test_what_tiles_leave_over_stays():
    """Sides of 9 px: the last row and column are in no tile, and one tile in sixteen keeps its place."""
    found = look(nn.Flatten(), noise(32, 9))[0]
    assert found.value == pytest.approx(sqrt(64 / 81 * 15 / 16), rel=0.05)
    assert look(LastPixel(), noise(8, 9))[0].value == 0


class LastPixel(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :, -1, -1]


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.Dropout(), nn.Conv2d(3, 3, 3), nn.Flatten())
    network.train()[1].eval()
    before = fingerprint(network)
    look(network, noise(), trained=True)
    assert fingerprint(network) == before


PLAIN = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1), nn.Flatten(), nn.Linear(256, 3))


@pytest.mark.parametrize("kind", ["resnet_nano", "vit_nano", "cmt_nano", "mlp_nano", PLAIN])
def test_every_kind_has_a_number(kind):
    network = create_model(kind, num_classes=3) if isinstance(kind, str) else kind
    tiles, patches, _ = look(network, pink_noise(6, 3, 32, 32))
    assert tiles.status is Status.OK
    assert tiles.low <= tiles.value <= tiles.high
    assert patches.status is (Status.NOT_APPLICABLE if kind == "mlp_nano" else Status.OK)
