import random

import numpy as np
import pytest
import torch

from anmok.data.augment import randaugment
from anmok.data.augment.operations import Layer, Operation
from anmok.data.augment.randaugment import RandAugment
from anmok.data.draws import Draws
from anmok.shapes import Pixels
from oracles import reference


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Layer]:
    """Keep what would be done, in place of doing it."""
    kept: list[Layer] = []

    def keep(pixels: Pixels, layers: list[Layer]) -> Pixels:
        kept.extend(layers)
        return pixels

    monkeypatch.setattr(randaugment, "operate", keep)
    return kept


def draw(policy: RandAugment, count: int, seed: int = 0) -> None:
    policy(torch.zeros(count, 3, 2, 2, dtype=torch.uint8), Draws(seed, 0, np.arange(count)))


def test_each_image_and_layer_has_an_operation_of_its_own_each_as_often(drawn: list[Layer]) -> None:
    draw(RandAugment(2, 9), 6000)
    first, second = (layer.operations for layer in drawn)
    counts = np.bincount(first, minlength=len(Operation))
    assert counts[Operation.IDENTITY] == 0
    assert (abs(counts[1:] - 400) < 80).all()
    assert abs(np.mean(first == second) - 1 / 15) < 0.015


def test_a_layer_changes_an_image_with_the_probability_asked_for(drawn: list[Layer]) -> None:
    draw(RandAugment(1, 9, probability=0.5), 4000)
    assert abs(np.mean(drawn[0].operations == Operation.IDENTITY) - 0.5) < 0.03


@pytest.mark.parametrize(
    ("magnitude", "expected"),
    [
        (0, {Operation.ROTATE: 0, Operation.COLOR: 1, Operation.POSTERIZE: 4, Operation.SOLARIZE: 256}),
        (9, {Operation.ROTATE: 27, Operation.SHEAR_X: 0.27, Operation.TRANSLATE_Y: 0.405, Operation.POSTERIZE: 1}),
        (9, {Operation.SOLARIZE: 26, Operation.SOLARIZE_ADD: 99}),
        (15, {Operation.ROTATE: 45, Operation.SHEAR_Y: 0.45, Operation.POSTERIZE: 1, Operation.SOLARIZE: 0}),
        (99, {Operation.ROTATE: 90, Operation.SOLARIZE_ADD: 330}),  # as 30
    ],
)
def test_strengths_grow_with_the_magnitude(
    drawn: list[Layer], magnitude: float, expected: dict[Operation, float]
) -> None:
    draw(RandAugment(1, magnitude), 500)
    for operation, strength in expected.items():
        found = drawn[0].strengths[drawn[0].operations == operation]
        assert len(found) > 0
        assert abs(found) == pytest.approx(strength)


def test_magnitudes_deviate_to_both_sides_and_so_do_their_effects(drawn: list[Layer]) -> None:
    draw(RandAugment(1, 9, deviation=0.5), 20000)
    degrees = drawn[0].strengths[drawn[0].operations == Operation.ROTATE]
    assert abs(np.mean(degrees > 0) - 0.5) < 0.05
    assert abs(abs(degrees).mean() - 27) < 0.2
    assert abs(abs(degrees).std() - 1.5) < 0.1
    factors = drawn[0].strengths[drawn[0].operations == Operation.CONTRAST]
    assert factors.min() > 0.05
    assert abs(np.mean(factors > 1) - 0.5) < 0.05


@pytest.mark.oracle
def test_strengths_are_those_of_timm(drawn: list[Layer]) -> None:
    reference("timm")
    from timm.data.auto_augment import LEVEL_TO_ARG

    names = {
        Operation.SHEAR_X: "ShearX",
        Operation.TRANSLATE_X: "TranslateXRel",
        Operation.ROTATE: "Rotate",
        Operation.SHARPNESS: "SharpnessIncreasing",
        Operation.POSTERIZE: "PosterizeIncreasing",
        Operation.SOLARIZE: "SolarizeIncreasing",
        Operation.SOLARIZE_ADD: "SolarizeAdd",
    }
    random.seed(0)
    for magnitude in (0, 1, 4.4, 7, 9, 9.9):
        drawn.clear()
        draw(RandAugment(1, magnitude), 1000)
        for operation, name in names.items():
            ours = set(drawn[0].strengths[drawn[0].operations == operation].round(9) + 0.0)
            theirs = {round(float(LEVEL_TO_ARG[name](magnitude, {})[0]) + 0.0, 9) for _ in range(50)}
            assert ours == theirs, (operation, magnitude)


def test_a_view_does_not_depend_on_its_company() -> None:
    pixels = torch.randint(0, 256, (13, 3, 20, 17), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    policy = RandAugment(2, 9, 0.5, 0.8)
    whole = policy(pixels, Draws(3, 1, np.arange(13)))
    order = np.random.default_rng(0).permutation(13)
    for part in np.split(order, (1, 2, 6)):
        assert torch.equal(policy(pixels[part], Draws(3, 1, part)), whole[part])
