from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from anmok.backbone import Segmenter
from anmok.catalogue import create_segmenter, require_model
from anmok.errors import RequestError
from anmok.tasks.overlap_tile import OVERLAP, segment
from anmok.zoo.unet import UNet, UNetSpec

SMALL = replace(require_model("unet_nano").spec, widths=(4, 6, 8))


def mirrored(images: torch.Tensor, before: int, height: int, width: int) -> torch.Tensor:
    """By numpy, which mirrors as often as need be."""
    below, right = height - before - images.shape[2], width - before - images.shape[3]
    return torch.from_numpy(np.pad(images.numpy(), ((0, 0), (0, 0), (before, below), (before, right)), mode="reflect"))


@pytest.mark.parametrize(("height", "width", "tile"), [(50, 70, 24), (33, 95, 40), (7, 64, 16), (100, 3, 30)])
def test_tiles_of_a_network_without_padding_give_what_the_whole_mirrored_image_gives(
    height: int, width: int, tile: int
) -> None:
    torch.manual_seed(0)
    network = UNet(SMALL, num_classes=3, in_chans=2).double()
    images = torch.randn(2, 2, height, width, dtype=torch.float64)
    sizes, margin = network.spec.image_sizes, network.margin
    whole = mirrored(images, margin, sizes.above(height + 2 * margin), sizes.above(width + 2 * margin))
    expected = network(whole)[:, :, :height, :width]
    torch.testing.assert_close(segment(network, images, tile=tile), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(segment(network, images, tile=1000), expected, rtol=0, atol=1e-12)


def test_single_precision_is_good_to_five_digits() -> None:
    torch.manual_seed(0)
    network = create_segmenter("unet_nano", num_classes=2).eval()
    images = torch.rand(1, 3, 60, 52)
    at_once = network(mirrored(images, network.margin, 100, 92))
    torch.testing.assert_close(segment(network, images, tile=20), at_once, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "cmt_nano"])
def test_what_fits_is_taken_as_it_is_by_padded_networks(name: str) -> None:
    network = create_segmenter(name, num_classes=3).eval()
    images = torch.rand(1, 3, 45, 58)
    with torch.no_grad():
        assert torch.equal(segment(network, images), network(images))


class Local(Segmenter):
    """Each pixel's logits come of its 5 x 5 neighbourhood."""

    def __init__(self) -> None:
        super().__init__(UNetSpec(widths=(4,), img_size=(32, 32)), num_classes=2, in_chans=1)
        self.seen: list[tuple[int, ...]] = []
        self.conv = nn.Conv2d(1, 2, 5, padding=2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(images.shape[2:]))
        return self.conv(images)


def test_tiles_of_a_padded_network_join_where_it_does_not_see_beyond_their_overlap() -> None:
    network = Local()
    images = torch.rand(1, 1, 300, 420)
    tiled = segment(network, images, tile=200)
    assert network.seen == [(200, 200)] * len(network.seen)
    assert len(network.seen) == -(-300 // (200 - 2 * OVERLAP)) * -(-420 // (200 - 2 * OVERLAP))
    expected = network(images)
    torch.testing.assert_close(tiled[:, :, 2:-2, 2:-2], expected[:, :, 2:-2, 2:-2])
    assert not torch.allclose(tiled, expected)  # at the border, one is mirrored and the other padded


def test_tiles_without_room_beside_their_overlap_are_refused() -> None:
    with pytest.raises(RequestError) as error:
        segment(Local(), torch.rand(1, 1, 30, 30), tile=128)
    assert str(error.value) == "Tiles are larger than twice their overlap of 64 pixels: got tile=128."
