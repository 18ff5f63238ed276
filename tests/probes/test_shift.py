from math import sqrt

import numpy as np
import pytest
import torch
from einops import rearrange
from torch import nn

from anmok.catalogue import create_model
from anmok.evaluation.metrics import accuracy
from anmok.probes import Status, Subject, pink_noise
from anmok.probes.run import ask
from anmok.probes.shift import ABSENT, BUILT_IN, METRICS, PROBE, degree
from small_backbones import fingerprint


def noise(count: int = 4, size: int = 32, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, channels, size, size), generator=generator, dtype=torch.uint8)


def look(network: nn.Module, pixels: torch.Tensor, *, labels: torch.Tensor | None = None, trained: bool = False):
    given = Subject(name="a", network=network, pixels=pixels, source="noise", labels=labels, trained=trained)
    found = ask(PROBE, given)
    assert [(row.metric, row.definition, row.unit) for row in found] == [tuple(metric) for metric in METRICS]
    return found


class Attention(nn.Module):
    """Patches of 4 px that attend to one another, with a table of positions for the images' own grid or without."""

    def __init__(self, *, positions: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 16, 4, stride=4)
        self.positions = nn.Parameter(torch.randn(1, 16, 8, 8)) if positions else None
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.last = nn.Linear(16, 16)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        map = self.patches(images)
        if self.positions is not None:
            map = map + nn.functional.interpolate(self.positions, map.shape[2:], mode="bilinear")
        tokens = rearrange(map, "b c h w -> b (h w) c")
        return self.last(tokens + self.attention(tokens, tokens, tokens)[0]).mean(1)


class Dense(nn.Module):
    """Every place has weights of its own for every pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 8, 64, generator=torch.Generator().manual_seed(0)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.einsum("hwp,bcp->bchw", self.weight, images.flatten(2))


class FirstPixel(nn.Module):
    """Class 1 where the first pixel is bright."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        bright = images[:, :, 0, 0].mean(1) - 0.5
        return torch.stack((-bright, bright), dim=1)


def test_convolutions_follow_by_their_stride_exactly():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1))
    error, by_pixel, *_ = look(network, noise())
    assert error.value < 1e-5
    assert (error.stride, degree(error.value)) == ((8, 8), "built in")
    assert by_pixel.value > 0.1
    assert error.low <= error.value <= error.high


def test_pixels_that_a_network_without_padding_leaves_unread_are_a_border_too():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(8, 8, 3, padding=1))
    error = look(network, noise())[0]
    assert error.value < 1e-5
    assert error.stride == (4, 4)


@pytest.mark.parametrize("name", ["resnet_nano", "convnext_anmok_nano", "vgg_nano"])
def test_cnns_of_the_zoo_have_it_built_in(name):
    """Their fields are larger than the images, and their strides 8 and 16."""
    assert look(create_model(name, num_classes=3), noise())[0].value < BUILT_IN


def test_without_strides_one_pixel_is_a_stride():
    error, by_pixel, *_ = look(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3)), noise())
    assert max(error.value, by_pixel.value) < 1e-5
    assert error.stride == (1, 1)


def test_attention_follows_unless_it_has_positions():
    without = look(Attention(positions=False), noise())[0]
    assert without.value < BUILT_IN
    assert without.stride == (4, 4)
    assert degree(look(Attention(positions=True), noise())[0].value) == "absent"


def test_a_network_with_weights_for_every_place_does_not_follow():
    """Two unrelated maps differ by sqrt(2) of their variation."""
    error = look(nn.Sequential(Dense(), nn.Identity()), noise(8, 8))[0]
    assert error.value > ABSENT
    assert error.value == pytest.approx(sqrt(2), rel=0.35)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Conv2d(3, 1, 1, stride=2), sqrt(1 + 1 / 4 + 1 / 4)),  # x[2r - 1] against the mean of x[2r] and x[2r - 2]
        (nn.Conv2d(3, 1, 2, stride=2), sqrt(4 / 16 / (1 / 2))),  # with equal weights down, sums of four pixels
    ],
)
def test_aliasing_of_white_noise_is_known(layer, expected):
    """A stride of 2 without and with the average of what it skips."""
    nn.init.constant_(layer.weight, 1.0)
    by_pixel = look(nn.Sequential(layer, nn.Conv2d(1, 1, 1)), noise(16, 48))[1]
    assert by_pixel.value == pytest.approx(expected, rel=0.03)


def test_answers_to_what_has_no_place_are_kept():
    colours = noise(60, 1).expand(60, 3, 32, 32)
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    *_, consistency, flips = look(network, colours, labels=colours[:, :, 0, 0].argmax(1), trained=True)
    assert (consistency.value, flips.value, consistency.answers) == (1, 0, 3)
    share = accuracy(np.ones(60, dtype=bool))
    assert (consistency.low, consistency.high, consistency.n) == (share.low, share.high, 60)
    assert (
        consistency.note == f"3 different answers, {100 * consistency.agreement:.0f} % alike by chance, 100.0 % right"
    )


def test_answers_to_one_pixel_are_kept_by_chance():
    """Of white noise: two offsets out of 5 x 5 are the same once in 25 times, and else one answer in two is kept."""
    *_, consistency, flips = look(FirstPixel(), noise(128), trained=True)
    assert consistency.low <= 1 / 25 + 24 / 25 / 2 <= consistency.high
    assert flips.low <= 1 / 2 <= flips.high
    assert consistency.agreement == pytest.approx(1 / 2, abs=0.05)
    assert "right" not in consistency.note


def test_reasons():
    flat = look(create_model("mlp_nano", num_classes=3), noise())
    assert [row.note for row in flat[:2]] == ["no feature map with more than one place was found"] * 2
    assert [row.note for row in flat[2:]] == ["an untrained network's answers mean nothing"] * 2
    dead = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1))
    nn.init.zeros_(dead[1].weight)
    constant = look(nn.Sequential(dead, nn.AdaptiveAvgPool2d(1), nn.Flatten()), noise(), trained=True)
    assert [row.note for row in constant[:2]] == ["the map is the same at all places"] * 2
    assert [row.note for row in constant[2:]] == ["all 4 images are given the same answer"] * 2
    assert {row.status for row in constant} == {Status.NOT_APPLICABLE}
    maps = look(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1)), noise(), trained=True)
    assert [row.note for row in maps[2:]] == ["the network does not answer each image with a row of logits"] * 2


def test_words():
    assert [degree(e) for e in (0, BUILT_IN, ABSENT, 1.4)] == ["built in", "approximate", "approximate", "absent"]


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Dropout(), nn.Conv2d(3, 3, 3)).train()
    network[1].eval()
    before = fingerprint(network)
    look(network, noise(), trained=True)
    assert fingerprint(network) == before


PLAIN = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1), nn.Flatten(), nn.Linear(256, 3))


@pytest.mark.parametrize("kind", ["resnet_nano", "vit_nano", "swin_nano", "cmt_nano", PLAIN])
def test_every_kind_has_every_number(kind):
    network = create_model(kind, num_classes=3) if isinstance(kind, str) else kind
    found = look(network, pink_noise(6, 3, 32, 32), trained=True)
    assert {row.status for row in found[:2]} == {Status.OK}
    for row in found:
        assert row.status is Status.NOT_APPLICABLE or row.low <= row.value <= row.high
