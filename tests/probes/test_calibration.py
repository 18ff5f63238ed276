from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import RequestError
from anmok.probes import Normalised, Status, Subject, pink_noise
from anmok.probes.calibration import METRICS, PROBE, calibration, expected_error
from anmok.probes.run import ask
from anmok.probes.temperature import best_temperature, temperature_interval
from small_backbones import fingerprint


def drawn(n: int, temperature: float = 1.0, k: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels drawn from the softmax of logits, which are then multiplied: known miscalibration."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, k, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return temperature * logits, labels


def confident(n: int, right: int, confidence: float = 0.9) -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes, always the first, of which so many are."""
    logits = torch.tensor([[log(confidence / (1 - confidence)), 0.0]], dtype=torch.float64).repeat(n, 1)
    return logits, (torch.arange(n) >= right).long()


@pytest.mark.parametrize("n", [100, 2000])
def test_a_constant_confidence(n):
    error, likelihood, temperature = calibration(*confident(n, 6 * n // 10))
    assert error.value == pytest.approx(0.3)
    assert likelihood.value == pytest.approx(-0.6 * log(0.9) - 0.4 * log(0.1))
    assert temperature.value == pytest.approx(log(9) / log(1.5))  # which makes the confidence 0.6
    assert len(error.bins) == 1
    assert tuple(error.bins[0]) == pytest.approx((0.9, 0.6, n))
    for result in (error, likelihood, temperature):
        assert result.low < result.value < result.high
        assert result.n == n


def test_bins_by_hand():
    """Of 40 images, 20 of confidence .6 with 15 right and 20 of .9 with 16 right: (.15 + .10) / 2."""
    confidence, right = np.repeat([0.6, 0.9], 20), np.r_[np.arange(20) < 15, np.arange(20) < 16]
    assert expected_error(confidence, right) == pytest.approx(0.125)
    assert expected_error(np.tile(confidence, 25), np.tile(right, 25)) == pytest.approx(0.125)  # 15 equal widths


def test_perfect_calibration_tends_to_nought():
    errors = [calibration(*drawn(n))[0] for n in (200, 20_000)]
    assert errors[1].value < 0.015
    for error in errors:
        assert error.low == 0
        assert error.value == pytest.approx(error.if_calibrated, rel=0.6)


def test_miscalibration_is_told_from_chance():
    error = calibration(*drawn(400, 3.0))[0]
    assert error.low > 0
    assert error.value > 2 * error.if_calibrated
    assert error.note == f"perfect calibration would show {error.if_calibrated:.3f} with as many images"


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature):
    found = calibration(*drawn(5000, temperature))[2]
    assert found.value == pytest.approx(temperature, rel=0.05)
    assert found.low < temperature < found.high


def test_the_interval_covers_as_often_as_it_says():
    inside = 0
    for seed in range(60):
        logits, labels = drawn(150, 2.0, seed=seed)
        low, high = temperature_interval(logits, labels, best_temperature(logits, labels))
        inside += low < 2.0 < high
    assert inside >= 52  # 57 expected


def test_it_is_the_least_of_the_likelihood():
    logits, labels = drawn(300, 1.7)
    best = best_temperature(logits, labels)
    losses = [float(nn.functional.cross_entropy(logits / t, labels)) for t in (0.999 * best, best, 1.001 * best)]
    assert losses[1] < min(losses[0], losses[2])


@settings(max_examples=20)
@given(st.floats(0.05, 20), st.integers(0, 99), st.floats(-50, 50))
def test_it_scales_with_the_logits_and_ignores_what_is_added(factor, seed, offset):
    logits, labels = drawn(100, seed=seed)
    assert best_temperature(factor * logits + offset, labels) == pytest.approx(
        factor * best_temperature(logits, labels), rel=1e-6
    )


def test_all_right_has_no_temperature():
    logits, _ = drawn(50)
    found = calibration(logits, logits.argmax(1))[2]
    assert found.status is Status.NOT_APPLICABLE
    assert found.note.startswith("no temperature from 0.001 to 1000 is best: 100.0 % of the images are answered right")


def test_worse_than_guessing_has_no_temperature():
    logits, _ = drawn(50)
    assert best_temperature(logits, logits.argmin(1)) is None


def test_probabilities_are_taken_as_such():
    logits, labels = drawn(200)
    for first, second in zip(calibration(logits, labels), calibration(logits.softmax(1), labels), strict=True):
        assert first.value == pytest.approx(second.value, rel=1e-9)


@pytest.mark.parametrize(
    ("n", "labels"), [(0, torch.zeros(0, dtype=torch.long)), (2, torch.tensor([0, 5])), (2, torch.tensor([-1, 0]))]
)
def test_answers_and_labels_that_do_not_match(n, labels):
    with pytest.raises(
        RequestError, match=rf"^Calibration needs images, and a logit for each class: got {n} images and 5 "
    ):
        calibration(torch.zeros(n, 5), labels)


class Table(nn.Module):
    """Answers with a row of its table, which the first pixel names."""

    def __init__(self, rows: torch.Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows.float())
        self.dropout = nn.Dropout(0.9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.rows[(255 * x[:, 0, 0, 0]).round().long()])


def subject(rows: torch.Tensor, labels: torch.Tensor | None) -> Subject:
    pixels = torch.arange(len(rows))[:, None, None, None].expand(-1, 3, 4, 4).to(torch.uint8)
    return Subject(name="toy", network=Table(rows), pixels=pixels, labels=labels, source="numbers")


def test_a_subject_is_asked():
    logits, labels = drawn(200, 1.5)
    asked = ask(PROBE, subject(logits, labels))
    for result, expected in zip(asked, calibration(logits.float(), labels), strict=True):
        assert result.value == pytest.approx(expected.value, rel=1e-5)
    assert [(r.metric, r.definition, r.unit) for r in asked] == list(METRICS)


def test_the_network_is_left_as_it_was():
    seen = subject(*drawn(60))
    seen.network.train()
    before = fingerprint(seen.network)
    ask(PROBE, seen)
    assert fingerprint(seen.network) == before


@pytest.mark.parametrize(
    ("rows", "labels", "note"),
    [
        (torch.zeros(4, 3), None, "it needs the classes of the images, and none were given"),
        (torch.zeros(4, 3), torch.tensor([0, 1, 2, 3]), "it needs a logit for each of the classes 0 to 3, and one"),
        (torch.full((4, 3), torch.nan), torch.tensor([0, 1, 2, 0]), "some logits are not finite"),
    ],
)
def test_nothing_to_measure(rows, labels, note):
    for result in ask(PROBE, subject(rows, labels)):
        assert result.status is Status.NOT_APPLICABLE
        assert result.note.startswith(note)


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "coatnet_nano"])
def test_every_kind_can_be_probed(name):
    network = Normalised(create_model(name, num_classes=3), (0.5,) * 3, (0.25,) * 3)
    seen = Subject(
        name="toy", network=network, pixels=pink_noise(24, 3, 32, 32), labels=torch.arange(24) % 3, source="noise"
    )
    results = ask(PROBE, seen)
    assert results[0].status is results[1].status is Status.OK
    assert 0 <= results[0].low <= results[0].value <= results[0].high
