import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anmok.errors import RequestError
from anmok.evaluation.metrics import accuracy
from anmok.probes import Status, patch_shuffle
from anmok.probes.patch_shuffle import shuffle_tiles
from small_backbones import fingerprint


def noise(n: int, size: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randint(256, (n, 3, size, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


class BagOfPixels(nn.Module):
    """Reads the mean colour and nothing of the arrangement; exact, as sums of whole numbers are."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.9)
        self.linear = nn.Linear(3, 3).double()
        nn.init.eye_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.linear(self.dropout((255 * images).round().double()).sum((2, 3)))


class OnePixel(nn.Module):
    """Class 1 where the first pixel is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(0.5))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        bright = images[:, :, 0, 0].mean(1) - self.threshold
        return torch.stack((-bright, bright), dim=1)


def test_a_bag_of_pixels_keeps_everything():
    pixels = noise(300)
    labels = pixels.long().sum((2, 3)).argmax(1)
    result = patch_shuffle(BagOfPixels(), pixels, labels)
    assert (result.value, result.n) == (1.0, 300)
    assert {g: share.value for g, share in result.accuracies.items()} == {1: 1.0, 2: 1.0, 4: 1.0}
    assert result.status is Status.OK


def test_a_reader_of_one_pixel_keeps_what_chance_brings_back():
    """One tile of each image is bright, and it comes to the first place once in g^2 draws."""
    pixels = torch.zeros(2000, 3, 8, 8, dtype=torch.uint8)
    pixels[:1000, :, 0, 0] = 255
    labels = torch.tensor([1] * 1000 + [0] * 1000)
    result = patch_shuffle(OnePixel(), pixels, labels)
    assert result.accuracies[1].value == 1.0
    for grid in (2, 4):
        expected = (1000 / grid**2 + 1000) / 2000  # the dark images stay right wherever their tiles go
        assert result.kept[grid].low <= expected <= result.kept[grid].high
    assert result.value == result.kept[4].value


def test_the_intervals_are_wilsons_over_the_right_answers():
    pixels = noise(200)
    labels = pixels.long().sum((2, 3)).argmax(1)
    labels[:50] = (labels[:50] + 1) % 3
    result = patch_shuffle(BagOfPixels(), pixels, labels)
    assert result.accuracies[1] == accuracy(np.arange(200) >= 50)
    assert result.kept[4] == accuracy(np.ones(150, dtype=bool))
    assert (result.value, result.low, result.high) == (1.0, result.kept[4].low, result.kept[4].high)


@given(st.integers(0, 2**31), st.sampled_from([2, 4]), st.integers(1, 4))
def test_shuffling_moves_whole_tiles_and_loses_none(seed, grid, n):
    pixels = noise(n, 8, seed % 1000)
    side = 8 // grid

    def tiles(images):
        return [
            sorted(
                image[:, r : r + side, c : c + side].numpy().tobytes()
                for r in range(0, 8, side)
                for c in range(0, 8, side)
            )
            for image in images
        ]

    assert tiles(shuffle_tiles(pixels, grid, seed)) == tiles(pixels)


def test_the_order_depends_on_seed_grid_and_place_alone():
    pixels = noise(6)
    shuffled = shuffle_tiles(pixels, 2, seed=1)
    assert torch.equal(shuffled, shuffle_tiles(pixels, 2, seed=1))
    assert torch.equal(shuffled[:3], shuffle_tiles(pixels[:3], 2, seed=1))
    assert not torch.equal(shuffled, shuffle_tiles(pixels, 2, seed=2))
    assert not torch.equal(shuffled, pixels)


def test_a_classifier_no_better_than_chance_says_nothing():
    result = patch_shuffle(BagOfPixels(), noise(30), torch.zeros(30, dtype=torch.long))
    assert result.status is Status.NOT_APPLICABLE
    assert result.value != result.value
    assert (result.low, result.high, result.kept) == (None, None, {})
    assert result.note.endswith("not above the 100.0 % of always naming the most frequent class")
    assert set(result.accuracies) == {1, 2, 4}


def test_the_network_is_left_as_it_was():
    network = BagOfPixels().train()
    before = fingerprint(network)
    patch_shuffle(network, noise(4), torch.tensor([0, 1, 2, 0]))
    assert fingerprint(network) == before


def test_a_grid_that_does_not_fit():
    message = r"^A grid has at least 2 x 2 tiles of equal size: got 3 for images of 8 x 8. Choose among 2, 4, 8.$"
    with pytest.raises(RequestError, match=message):
        patch_shuffle(BagOfPixels(), noise(2), torch.tensor([0, 1]), grids=(3,))


def test_images_and_labels_that_do_not_match():
    message = r"^Each image needs one label, and one image at least: got 0 images and 0 labels. Give both"
    with pytest.raises(RequestError, match=message):
        patch_shuffle(BagOfPixels(), noise(2)[:0], torch.tensor([], dtype=torch.long))


def test_no_grid():
    with pytest.raises(RequestError, match=r"^A shuffle needs a grid: got none. Give the tiles per side, such as"):
        patch_shuffle(BagOfPixels(), noise(2), torch.tensor([0, 1]), grids=())
