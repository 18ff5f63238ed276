from math import isnan

import pytest
import torch
from einops import rearrange
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anmok.catalogue import create_model
from anmok.probes import Normalised, Status, Subject, pink_noise
from anmok.probes.run import ask
from anmok.probes.shape_texture import METRICS, PROBE, shape_share, shape_texture
from small_backbones import fingerprint


class Roughness(nn.Module):
    """Texture alone: how much neighbours inside of tiles of 8 x 8 differ."""

    def __init__(self, threshold: float = 0.02) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.9)
        self.threshold = nn.Parameter(torch.tensor(threshold))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tiles = rearrange(self.dropout(x), "b c (r h) (s w) -> b (r s c) h w", h=8, w=8)
        rough = tiles.diff(dim=3).abs().mean((1, 2, 3)) - self.threshold
        return torch.stack((-rough, rough), dim=1)


class Layout(nn.Module):
    """Shape alone: whether the upper half is the brighter one."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        lower, upper = rearrange(x, "b c (half h) w -> half b (c h w)", half=2).mean(2)
        return self.weight * torch.stack((lower - upper, upper - lower), dim=1)


def halves_and_noise(n: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images of 32 x 32, whether their lower half is bright, and whether they are rough."""
    generator = torch.Generator().manual_seed(0)
    bright, rough = torch.randint(2, (2, n), generator=generator)
    x = torch.zeros(n, 1, 32, 32)
    x[:, :, :16] = 20.0 * (1 - bright)[:, None, None, None]
    x[:, :, 16:] = 20.0 * bright[:, None, None, None]
    checks = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2 - 1
    x = 128 + x + 20 * rough[:, None, None, None] * checks
    return x.expand(n, 3, 32, 32).to(torch.uint8), bright, rough


def subject(network: nn.Module, pixels: torch.Tensor, labels: torch.Tensor | None) -> Subject:
    return Subject(name="toy", network=network, pixels=pixels, labels=labels, source="halves")


def test_a_reader_of_texture():
    pixels, _, rough = halves_and_noise()
    share, shape, texture, in_grey = shape_texture(subject(Roughness(), pixels, rough))
    assert texture.value == share.kept["shuffled"].value == 1.0
    assert shape.value == share.chance  # all images look smooth
    assert (share.value, share.low, share.n) == (0, 0, 64)
    assert share.high < 0.3
    assert in_grey.value == 1.0
    assert share.intact.value == 1.0


def test_a_reader_of_shape():
    pixels, bright, _ = halves_and_noise()
    share, shape, texture, _ = shape_texture(subject(Layout(), pixels, bright))
    assert shape.value == 1.0
    assert 0.3 < texture.value < 0.8  # luck
    assert share.value > 0.7
    assert share.low <= share.value <= share.high <= 1


def test_both_cues_alike_for_a_reader_of_colour():
    class Colour(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3))

    labels = torch.arange(60) % 3
    pixels = (200 * torch.eye(3)[labels])[:, :, None, None].expand(60, 3, 8, 8).to(torch.uint8)
    share, shape, texture, in_grey = shape_texture(subject(Colour(), pixels, labels))
    assert (share.value, shape.value, texture.value) == (0.5, 1, 1)
    assert in_grey.value == share.kept["grey"].value == pytest.approx(1 / 3)
    assert share.chance == pytest.approx(1 / 3)
    assert shape.note == "naming one class keeps 33 %"


def test_a_classifier_that_needs_both_keeps_neither():
    class Both(nn.Module):
        """A rough image with a bright lower half, or a smooth one with a bright upper half."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            rough = (x.diff(dim=3).abs().mean((1, 2, 3)) > 0.05).float()
            order = x[:, :, 16:].mean((1, 2, 3)) - x[:, :, :16].mean((1, 2, 3))
            return torch.stack((0 * order, (2 * rough - 1) * order), dim=1)

    pixels, bright, rough = halves_and_noise(96)
    share, shape, texture, _ = shape_texture(subject(Both(), pixels, (bright == rough).long()))
    assert share.status is Status.NOT_APPLICABLE
    assert share.note.startswith("neither cue alone keeps more right answers than naming one class, ")
    assert shape.status is texture.status is Status.OK


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.99))
def test_the_share_is_that_of_what_is_above_chance(shape, texture, chance):
    share = shape_share(shape, texture, chance)
    if max(shape, texture) <= chance:
        assert isnan(share)
    else:
        assert 0 <= share <= 1
        assert share + shape_share(texture, shape, chance) == pytest.approx(1)
        assert (share > 0.5) == (max(shape, chance) > max(texture, chance)) or share == pytest.approx(0.5)


def test_chance_is_taken_off():
    assert shape_share(1.0, 0.75, 0.5) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        (None, "it needs the classes of the images, and none were given"),
        (torch.full((64,), 2), "it needs a logit for each of the classes 0 to 2, and one image is answered with the"),
        (torch.zeros(64, dtype=torch.long), "% of the intact images are answered right, which is not above the 100.0"),
    ],
)
def test_nothing_to_measure(labels, note):
    pixels, _, _ = halves_and_noise()
    for result in shape_texture(subject(Layout(), pixels, labels)):
        assert result.status is Status.NOT_APPLICABLE
        assert note in result.note


def test_sides_that_cannot_be_cut():
    pixels = pink_noise(4, 3, 30, 32)
    for result in shape_texture(subject(Layout(), pixels, torch.arange(4) % 2)):
        assert result.note == "tiles of equal size need sides that are multiples of 4, and the images have 30 x 32"


def test_the_network_is_left_as_it_was():
    network = Roughness().train()
    pixels, _, rough = halves_and_noise(40)
    before = fingerprint(network)
    shape_texture(subject(network, pixels, rough))
    assert fingerprint(network) == before


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "coatnet_nano"])
def test_every_kind_can_be_probed(name):
    network = Normalised(create_model(name, num_classes=3), (0.5,) * 3, (0.25,) * 3)
    seen = subject(network, pink_noise(24, 3, 32, 32), None)
    with torch.no_grad():
        labels = network.eval()(seen.images()).argmax(1)
    labels[0] = (labels[0] + 1) % 3
    results = ask(PROBE, subject(network, seen.pixels, labels))
    assert [(r.metric, r.definition, r.unit) for r in results] == list(METRICS)
    assert all(r.status is not Status.FAILED for r in results)


def test_one_channel():
    pixels, bright, _ = halves_and_noise()
    results = shape_texture(subject(nn.Sequential(Layout()), pixels[:, :1], bright))
    assert results[1].value == 1.0
