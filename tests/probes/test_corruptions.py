from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import RequestError
from anmok.probes import Normalised, Status, Subject, pink_noise
from anmok.probes.corruptions import KINDS, METRICS, PROBE, SEVERITIES, corrupt, corruptions
from anmok.probes.run import ask
from small_backbones import fingerprint


def images(n: int = 4, channels: int = 3, size: int = 16) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(0))


def grey(level: float, n: int = 8, size: int = 64) -> torch.Tensor:
    return torch.full((n, 3, size, size), level)


@pytest.mark.parametrize("kind", KINDS)
def test_severity_nought_leaves_the_images(kind):
    assert torch.equal(corrupt(images(), kind, 0), images())


@pytest.mark.parametrize("severity", SEVERITIES)
def test_gaussian_noise_has_its_deviation(severity):
    deviation = (0.06, 0.12, 0.24)[severity - 1]
    noise = corrupt(grey(0.5), "gaussian noise", severity) - 0.5
    assert abs(noise.mean()) < 5 * deviation / sqrt(noise.numel())
    assert float(noise.abs().median()) == pytest.approx(0.67449 * deviation, rel=0.02)  # not touched by the clipping


@pytest.mark.parametrize("severity", SEVERITIES)
def test_impulse_noise_is_half_salt_and_half_pepper(severity):
    share = (0.02, 0.06, 0.15)[severity - 1]
    noisy = corrupt(grey(0.5), "impulse noise", severity)
    error = 5 * sqrt(share / 2 / noisy.numel())
    assert float((noisy == 0).float().mean()) == pytest.approx(share / 2, abs=error)
    assert float((noisy == 1).float().mean()) == pytest.approx(share / 2, abs=error)
    assert set(noisy.unique().tolist()) == {0, 0.5, 1}


@pytest.mark.parametrize("severity", SEVERITIES)
def test_contrast_keeps_the_mean_and_scales_the_deviation(severity):
    x = images()
    pale = corrupt(x, "contrast", severity)
    torch.testing.assert_close(pale.mean((2, 3)), x.mean((2, 3)))
    torch.testing.assert_close(pale.std((2, 3)), (0.5, 0.3, 0.15)[severity - 1] * x.std((2, 3)))


@pytest.mark.parametrize("severity", SEVERITIES)
def test_brightness_is_added_up_to_white(severity):
    more = (0.1, 0.2, 0.35)[severity - 1]
    torch.testing.assert_close(corrupt(images(), "brightness", severity), (images() + more).clamp(max=1))


def test_blur_spreads_a_share_of_the_side():
    """A standard deviation of 4 % of 50 pixels is 2 pixels."""
    point = torch.zeros(1, 1, 50, 60, dtype=torch.float64)
    point[..., 25, 30] = 1
    spread = corrupt(point, "blur", 3)[0, 0]
    assert float((spread.sum(0) * (torch.arange(60) - 30) ** 2).sum()) == pytest.approx(4, rel=0.03)


def test_pixels_are_means_of_cells():
    coarse = corrupt(images(size=16), "pixelate", 1)
    cells = images(size=16).unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5))
    torch.testing.assert_close(coarse, cells.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert corrupt(images(size=20), "pixelate", 3)[0, 0].unique().numel() == 16


@settings(max_examples=20)
@given(st.sampled_from(sorted(KINDS)), st.sampled_from(SEVERITIES), st.integers(0, 5), st.integers(1, 3))
def test_an_image_looks_the_same_whatever_stands_beside_it(kind, severity, seed, place):
    whole = corrupt(images(), kind, severity, seed=seed)
    torch.testing.assert_close(corrupt(images()[place:], kind, severity, seed=seed, start=place), whole[place:])
    assert whole.amin() >= 0
    assert whole.amax() <= 1


@pytest.mark.parametrize("kind", ["gaussian noise", "impulse noise"])
def test_noise_depends_on_the_seed_and_the_place(kind):
    same = grey(0.5, 2, 8)
    noisy = corrupt(same, kind, 3)
    assert not torch.equal(noisy[0], noisy[1])
    assert not torch.equal(noisy, corrupt(same, kind, 3, seed=1))
    assert torch.equal(noisy, corrupt(same, kind, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_severities_are_in_order(kind):
    x = pink_noise(4, 3, 32, 32) / 255.0
    away = [float((corrupt(x, kind, severity) - x).square().mean()) for severity in SEVERITIES]
    assert 0 < away[0] < away[1] < away[2]


@pytest.mark.parametrize(("kind", "severity"), [("fog", 1), ("blur", 4)])
def test_what_there_is_not(kind, severity):
    message = rf"in a severity from 0 to 3: got '{kind}' and {severity}. Choose among these.$"
    with pytest.raises(RequestError, match=message):
        corrupt(images(), kind, severity)


class Bright(nn.Module):
    """Class 1 where the mean is above a level."""

    def __init__(self, level: float = 0.5) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.9)
        self.level = nn.Parameter(torch.tensor(level))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        above = self.dropout(x).mean((1, 2, 3)) - self.level
        return torch.stack((-above, above), dim=1)


def subject(labels: torch.Tensor | None = None, levels: tuple[int, int] = (108, 148)) -> Subject:
    """Dark and bright images, on which only more brightness can mislead."""
    bright = torch.arange(40) % 2
    pixels = torch.tensor(levels)[bright][:, None, None, None].expand(40, 3, 8, 8).to(torch.uint8)
    labels = bright if labels is None else labels
    return Subject(name="toy", network=Bright(), pixels=pixels, labels=labels, source="grey")


def test_only_the_corruption_that_misleads_counts():
    """0.1 more makes 108 of 255 look bright, and so do 0.2 and 0.35: half of the answers in 3 of 18 cases."""
    kept, rise = corruptions(subject())
    assert {kind: {share.value for share in shares} for kind, shares in kept.kept.items()} == {
        kind: {0.5 if kind == "brightness" else 1.0} for kind in KINDS
    }
    assert kept.value == pytest.approx(1 - 1 / 12)
    assert rise.value == pytest.approx(100 / 12)
    assert kept.low < kept.value < kept.high <= 1
    assert rise.low < rise.value < rise.high
    assert (kept.n, rise.n, kept.intact.value) == (40, 40, 1.0)


def test_a_classifier_that_nothing_misleads_is_the_null():
    kept, rise = corruptions(subject(levels=(10, 250)))
    assert (kept.value, kept.low, kept.high, rise.value) == (1, 1, 1, 0)


def test_wrong_answers_are_not_kept():
    labels = torch.arange(40) % 2
    labels[0] = 1
    kept, rise = corruptions(subject(labels, levels=(10, 250)))
    assert (kept.value, kept.n, rise.value, rise.n) == (1, 39, 0, 40)


@pytest.mark.parametrize("labels", [torch.zeros(40, dtype=torch.long), torch.arange(40) // 2 % 2])
def test_a_guesser(labels):
    for result in corruptions(subject(labels)):
        assert result.status is Status.NOT_APPLICABLE
        assert "of always naming the most frequent class" in result.note


def test_no_labels():
    seen = Subject(name="toy", network=Bright(), pixels=pink_noise(4, 3, 8, 8), source="noise")
    for result in corruptions(seen):
        assert result.note == "it needs the classes of the images, and none were given"


def test_the_network_is_left_as_it_was():
    seen = subject()
    seen.network.train()
    before = fingerprint(seen.network)
    corruptions(seen)
    assert fingerprint(seen.network) == before


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "coatnet_nano"])
def test_every_kind_can_be_probed(name):
    network = Normalised(create_model(name, num_classes=3), (0.5,) * 3, (0.25,) * 3).eval()
    seen = Subject(name="toy", network=network, pixels=pink_noise(16, 3, 32, 32), source="noise")
    with torch.no_grad():
        labels = network(seen.images()).argmax(1)
    results = ask(PROBE, Subject(name="toy", network=network, pixels=seen.pixels, labels=labels, source="noise"))
    assert [(r.metric, r.definition, r.unit) for r in results] == list(METRICS)
    assert all(r.status is not Status.FAILED for r in results)
