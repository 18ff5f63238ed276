import time
from dataclasses import replace
from math import hypot, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.errors import DataError
from anmok.experience import Fingerprint, fingerprint, similarity, statistics
from anmok.experience.fingerprint import SAMPLE, sample_rows
from recorded_past import PHOTOS

RANDOM = np.random.default_rng(0)
TWO = np.arange(200) % 2


def noise(n: int = 200, side: int = 32) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, 3, side, side), dtype=np.uint8)


def power_law(slope: float, n: int = 60, side: int = 32) -> np.ndarray:
    """Grey fields of random phase whose power falls as f^-slope."""
    radius = np.hypot(np.fft.fftfreq(side, 1 / side)[:, None], np.fft.fftfreq(side, 1 / side)[None, :])
    amplitude = np.where(radius > 0, np.maximum(radius, 1.0) ** (-slope / 2), 0.0)
    spectrum = amplitude * np.fft.fft2(np.random.default_rng(7).standard_normal((n, side, side)))
    return np.fft.ifft2(spectrum).real.astype(np.float32)


def test_noise_has_the_values_of_noise() -> None:
    found = fingerprint(noise(), TWO)
    assert found.spectrum_slope == pytest.approx(0, abs=0.1)
    assert found.sparsity == pytest.approx(log(3), abs=0.05)  # a sum of 75 terms is nearly Gaussian
    assert found.separability == pytest.approx(0, abs=0.15)
    assert found.alignment == pytest.approx(1 / 200, rel=0.1)
    assert found.brightness == pytest.approx(0.5, abs=0.01)
    assert (found.images, found.classes, found.balance, found.side) == (200, 2, 1.0, 32)


@pytest.mark.parametrize("slope", [1.0, 2.0, 3.0])
def test_the_slope_of_a_power_law_is_found(slope: float) -> None:
    assert statistics.spectrum_slope(power_law(slope)) == pytest.approx(slope, abs=0.2)


def test_colours_and_edges_follow_their_formulas() -> None:
    red = np.zeros((2, 3, 8, 8), np.float32)
    red[:, 0] = 1
    assert statistics.colourfulness(red) == pytest.approx(0.3 * hypot(1, 0.5))
    ramp = np.broadcast_to(0.11 * np.arange(8, dtype=np.float32), (2, 8, 8))
    assert statistics.edge_density(ramp) == 1
    assert statistics.edge_density(ramp * np.float32(0.9)) == 0
    same = np.broadcast_to(RANDOM.random((1, 8, 8)).astype(np.float32), (5, 8, 8))
    assert statistics.alignment(same) == pytest.approx(1, rel=1e-5)


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=20))
def test_balance_is_the_normalised_entropy(counts: list[int]) -> None:
    shares = [count / sum(counts) for count in counts]
    entropy = -sum(share * log(share) for share in shares)
    assert statistics.balance(np.array(counts)) == pytest.approx(entropy / log(len(counts)))
    assert statistics.balance(np.array([5])) == 1


def test_separability_is_what_refitting_without_each_image_gives() -> None:
    features, labels = RANDOM.standard_normal((40, 3)), np.arange(40) % 2
    features[:, 0] += labels
    standard = np.c_[(features - features.mean(0)) / features.std(0), np.ones(40)]
    answers = []
    for i in range(40):
        rest = np.arange(40) != i
        design, wanted = standard[rest], np.eye(2)[labels[rest]]
        answers.append(np.linalg.solve(design.T @ design + 10 * np.eye(4), design.T @ wanted).T @ standard[i])
    answered = np.argmax(answers, 1)
    agreed = (answered == labels).mean()
    chance = sum((answered == k).mean() * (labels == k).mean() for k in (0, 1))
    assert statistics.separability(features, labels) == pytest.approx((agreed - chance) / (1 - chance))


def test_classes_that_look_different_are_separable() -> None:
    pixels = noise()
    pixels[TWO == 1] //= 2
    assert fingerprint(pixels, TWO).separability > 0.95
    assert fingerprint(pixels, np.zeros(200, int)).separability == 0


def test_grey_squares_are_as_good_as_three_equal_channels() -> None:
    grey = noise()[:, :1]
    assert fingerprint(grey, TWO) == fingerprint(np.repeat(grey, 3, axis=1), TWO)
    assert fingerprint(grey, TWO).colourfulness == 0


@settings(max_examples=5)
@given(st.integers(0, 100))
def test_the_order_of_the_images_does_not_matter(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(200)
    pixels = noise()
    assert similarity(fingerprint(pixels[order], TWO[order]), fingerprint(pixels, TWO)) > 0.9999


def test_a_sample_and_another_size_are_the_same_data() -> None:
    fields = power_law(2.5, n=200, side=96)
    pixels = np.clip(128 + 40 * fields / fields.std(), 0, 255).astype(np.uint8)[:, None]
    labels = np.arange(200) // 50
    whole, part = fingerprint(pixels, labels), fingerprint(pixels[::2], labels[::2], all_labels=labels)
    assert (part.images, part.classes, part.side) == (200, 4, 96)
    assert similarity(whole, part) > 0.97
    half = pixels.reshape(200, 1, 48, 2, 48, 2).mean((3, 5)).astype(np.uint8)
    assert similarity(replace(fingerprint(half, labels), side=96), whole) > 0.97
    assert similarity(whole, fingerprint(noise(), labels)) < 0.3


def test_a_thousand_images_take_well_under_a_second() -> None:
    pixels, labels = noise(4000), np.arange(4000) % 10
    started = time.thread_time()
    found = fingerprint(pixels, labels)
    assert time.thread_time() - started < 1
    assert found.images == 4000
    assert len(sample_rows(4000)) == SAMPLE
    assert set(labels[sample_rows(4000)]) == set(range(10))


def test_facts_come_back_as_they_were() -> None:
    assert Fingerprint.from_dict(PHOTOS.to_dict()) == PHOTOS
    assert Fingerprint.from_dict(PHOTOS.to_dict()).id == PHOTOS.id
    with pytest.raises(
        DataError, match=r"^A fingerprint of this version of Anmok has other facts: these differ in shape, side\.$"
    ):
        Fingerprint.from_dict({"shape" if k == "side" else k: v for k, v in PHOTOS.to_dict().items()})
