from math import cos, log, pi

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anmok.catalogue import create_model
from anmok.probes import Status, Subject, pink_noise
from anmok.probes.frequency import PROBE, band_noise, frequency_profile, half_diagonal, noise_sensitivity
from small_backbones import fingerprint


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


class Filter(nn.Module):
    """One 3 x 3 kernel for every channel, around the edges of the image."""

    def __init__(self, kernel: list[list[float]], stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, stride, padding=1, padding_mode="circular", groups=3, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor(kernel).expand(3, 1, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


BOX = [[1 / 9] * 3] * 3
SAME = [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
LAPLACIAN = [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]


def profile(*blocks: nn.Module, images: torch.Tensor | None = None):
    given = noise(12, 3, 16, 16) if images is None else images
    return frequency_profile(nn.Sequential(*blocks), given)


@pytest.mark.parametrize("side", [8, 9, 16, 21])
def test_a_box_filter_lowers_by_its_transfer_function(side):
    change, _ = profile(Filter(BOX), Filter(BOX), images=noise(3, 3, side, side))
    transfer = (1 + 2 * cos(2 * pi * (side // 2) / side)) / 3
    expected = 2 * log(abs(transfer))  # along both axes
    assert change.value == pytest.approx(2 * expected, abs=1e-3)
    assert list(change.changes.values()) == pytest.approx([expected, expected], abs=1e-3)
    assert (change.n, change.note) == (3, "over 2 blocks")


def test_an_image_that_is_not_square_has_a_diagonal_too():
    change, _ = profile(Filter(BOX), Filter(BOX), images=noise(3, 3, 8, 16))
    assert change.value == pytest.approx(4 * log(1 / 3), abs=1e-3)


def test_sharpening_raises():
    sharpen = [[s - 0.5 * lap for s, lap in zip(*rows, strict=True)] for rows in zip(SAME, LAPLACIAN, strict=True)]
    change, _ = profile(Filter(sharpen), Filter(sharpen))
    assert change.value == pytest.approx(2 * log(1 + 0.5 * 8), abs=1e-3)
    bare, _ = profile(Filter(LAPLACIAN), Filter(SAME))
    assert bare.value > log(1e3)  # nothing is left at frequency 0 but rounding


def test_the_identity_is_the_null():
    change, variance = profile(Filter(SAME), Filter(SAME))
    assert (change.value, change.low, change.high) == pytest.approx((0, 0, 0), abs=1e-6)
    assert variance.value == pytest.approx(1)


@settings(max_examples=10)
@given(st.floats(1e-3, 1e3), st.integers(2, 4))
def test_a_scale_changes_the_variance_alone(factor, depth):
    scaled = [[factor * s for s in row] for row in SAME]
    change, variance = profile(*(Filter(scaled) for _ in range(depth)))
    assert change.value == pytest.approx(0, abs=1e-4)
    assert variance.value == pytest.approx(factor ** (2 * depth), rel=1e-3)


def test_white_noise_is_flat():
    logs = half_diagonal(noise(2, 4000, 16, 16).double())
    assert logs.shape == (2, 9)
    assert float(logs.abs().max()) < 0.05
    assert not logs[:, 0].any()


def test_dead_channels_do_not_matter():
    map = noise(2, 4, 8, 8).double()
    both = torch.cat((map, torch.zeros_like(map)), 1)
    torch.testing.assert_close(half_diagonal(both), half_diagonal(map))


def test_blocks_that_change_their_grid_are_left_out():
    change, _ = profile(Filter(BOX), Filter(SAME, stride=2), Filter(BOX))
    assert list(change.changes) == ["0", "2"]
    assert [len(p) for p in change.profiles.values()] == [9, 5]
    assert change.value == pytest.approx(4 * log(1 / 3), abs=1e-3)


@pytest.mark.parametrize("network", [nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), nn.Sequential(Filter(SAME))])
def test_networks_without_maps(network):
    results = frequency_profile(network, torch.zeros(2, 3, 8, 8))
    for result in results:
        assert result.status is Status.NOT_APPLICABLE
        assert result.note == "no block takes and gives maps of one grid of 2 x 2 places or more that are not constant"


@pytest.mark.parametrize("band", [(0.0, 0.2), (0.4, 0.6), (0.8, 1.0)])
def test_noise_keeps_to_its_band_and_has_its_strength(band):
    shaped = band_noise(noise(2, 3, 24, 30), band)
    assert shaped.pow(2).mean((1, 2, 3)).sqrt().tolist() == pytest.approx([0.1, 0.1], rel=1e-4)
    power = torch.fft.fft2(shaped).abs() ** 2
    radius = 2 * (torch.fft.fftfreq(24)[:, None] ** 2 + torch.fft.fftfreq(30)[None] ** 2).sqrt()
    outside = (radius <= band[0]) | (radius > band[1])
    assert float(power[..., outside].sum() / power.sum()) < 1e-8


class Wave(nn.Module):
    """Whether a wave of so many cycles along the image rises or falls at its left side."""

    def __init__(self, cycles: int) -> None:
        super().__init__()
        self.register_buffer("wave", torch.cos(2 * pi * cycles * torch.arange(20) / 20))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logit = (images * self.wave).mean((1, 2, 3))
        return torch.stack((-logit, logit), 1)


def waving(cycles: int, n: int = 60) -> Subject:
    """Waves above and below a grey that 255 cannot halve evenly, so weak that noise drowns them."""
    signs = torch.arange(n) % 2
    wave = (2 * signs[:, None] - 1) * 1.0 * torch.cos(2 * pi * cycles * torch.arange(20) / 20)
    pixels = (128 + wave.round())[:, None, None, :].expand(n, 3, 20, 20).to(torch.uint8).contiguous()
    return Subject(name="wave", network=Wave(cycles), pixels=pixels, labels=signs, source="waves", trained=True)


@pytest.mark.parametrize(("cycles", "centre"), [(1, 0.1), (5, 0.5), (10, 0.9)])
def test_noise_hurts_in_the_band_that_a_classifier_reads(cycles, centre):
    """The projection on one frequency is blind for all others."""
    result = noise_sensitivity(waving(cycles))
    assert result.value == pytest.approx(centre)
    assert {round(c, 1): d.value for c, d in result.drops.items() if abs(c - centre) > 0.01} == {
        c: 0 for c in (0.1, 0.3, 0.5, 0.7, 0.9) if c != centre
    }
    assert 15 < max(d.value for d in result.drops.values()) < 65  # a coin is thrown for most images
    assert result.note.endswith("points of accuracy are lost there")
    assert result.low == result.high == pytest.approx(centre)


class Brightness(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logit = images.mean((1, 2, 3)) - 0.5
        return torch.stack((-logit, logit), 1)


def bright(size: int = 16) -> Subject:
    labels = torch.arange(40) % 2
    pixels = (80 + 100 * labels)[:, None, None, None].expand(40, 3, size, size).to(torch.uint8)
    return Subject(name="b", network=Brightness(), pixels=pixels, labels=labels, source="grey", trained=True)


def test_a_reader_of_brightness_is_the_null():
    result = noise_sensitivity(bright())
    assert result.status is Status.NOT_APPLICABLE
    assert result.note == "noise of no band costs right answers"


def test_images_too_small_for_the_bands():
    assert noise_sensitivity(bright(8)).note == "5 bands need images of 10 x 10 pixels or more"


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(Filter(BOX), nn.BatchNorm2d(3), nn.Dropout(), Filter(BOX), nn.Flatten(), nn.Linear(768, 2))
    network.train()
    network(noise(4, 3, 16, 16)).sum().backward()
    subject = Subject(name="n", network=network, pixels=pink_noise(8, 3, 16, 16), labels=torch.arange(8) % 2, source="")
    before = fingerprint(network)
    PROBE.measure(subject)
    assert fingerprint(network) == before
    assert not any(module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize("name", ["resnet_nano", "convnext_nano", "vit_nano", "swin_nano", "cmt_nano"])
def test_every_kind_of_network_has_its_rows(name):
    network = create_model(name, num_classes=3)
    height, width = network.spec.img_size
    results = PROBE.measure(Subject(name=name, network=network, pixels=pink_noise(4, 3, height, width), source="noise"))
    assert [r.metric for r in results] == [m.name for m in PROBE.metrics]
    assert results[0].status is Status.OK
    assert np.isfinite([results[0].value, results[1].value]).all()
    assert results[2].note == "it needs the classes of the images, and none were given"
