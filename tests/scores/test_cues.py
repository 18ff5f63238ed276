import numpy as np
import pytest
import torch

from anmok.scores import cues


def stripes(turned: bool, seed: int) -> torch.Tensor:
    """Fine stripes of a random phase, across or along."""
    phase = int(torch.randint(4, (1,), generator=torch.Generator().manual_seed(seed)))
    wave = ((torch.arange(24) + phase) % 4 < 2).float() * 255
    image = wave[None].expand(24, 24)
    return (image.T if turned else image).expand(3, 24, 24)


def spot(low: bool, seed: int) -> torch.Tensor:
    """One bright square in the lower or the upper half."""
    image = torch.zeros(3, 40, 40)
    column = int(13 + torch.randint(6, (1,), generator=torch.Generator().manual_seed(seed)))
    row = 19 if low else 13
    image[:, row : row + 8, column : column + 8] = 255
    return image


def tint(red: bool, seed: int) -> torch.Tensor:
    """Noise of one grey distribution, in two tints of equal brightness."""
    grey = torch.rand(24, 24, generator=torch.Generator().manual_seed(seed)) * 60 + 60
    return torch.stack((grey + 60, grey, grey - 60) if red else (grey - 60, grey, grey + 60))


def asked(make) -> dict[str, float]:
    labels = np.arange(60) % 2
    pixels = torch.stack([make(bool(k), i) for i, k in enumerate(labels)]).round().to(torch.uint8)
    found = cues(pixels, labels)
    assert found.chance == 0.5
    return {name: getattr(found, name).accuracy.value for name in ("texture", "layout", "colour")}


def test_the_direction_of_stripes_is_texture_and_no_colour():
    told = asked(stripes)
    assert told["texture"] == 1.0
    assert told["colour"] < 0.75


def test_where_a_spot_lies_is_layout_and_neither_texture_nor_colour():
    told = asked(spot)
    assert told["layout"] == 1.0
    assert told["texture"] < 0.75
    assert told["colour"] < 0.75


def test_a_tint_of_equal_brightness_is_colour_alone():
    told = asked(tint)
    assert told["colour"] == 1.0
    assert told["texture"] < 0.75
    assert told["layout"] < 0.75


def test_labels_that_nothing_tells_apart_are_answered_by_chance():
    random = np.random.default_rng(1)
    noise = torch.randint(256, (200, 3, 24, 24), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = cues(noise, random.integers(0, 2, 200))
    assert all(abs(getattr(found, name).accuracy.value - 0.5) < 0.15 for name in ("texture", "layout", "colour"))


def test_images_that_are_all_the_same_leave_the_most_frequent_class():
    found = cues(torch.zeros(5, 3, 24, 24, dtype=torch.uint8), np.array([0, 1, 1, 1, 0]))
    assert found.texture.accuracy.value == found.layout.accuracy.value == found.chance == 0.6
    assert found.texture.predicted.tolist() == [1] * 5


def test_placement_is_how_far_the_detail_wanders():
    labels = np.arange(200) % 2
    still = torch.zeros(200, 3, 40, 40, dtype=torch.uint8)
    still[:, :, 16:24, 16:24] = 200
    low = still.clone()
    low[1::2] = still[1::2].roll(8, dims=2)
    assert cues(still, labels).placement == pytest.approx(0.0, abs=1e-6)
    assert cues(low, labels).placement == pytest.approx(8 / 38 / 2 / 2, rel=0.02)  # one axis of two, half the distance
