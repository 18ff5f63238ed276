from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.data.augment import Augmentation, Variation, vary
from anmok.data.augment.elastic import deformed
from anmok.data.augment.geometry import shifted
from anmok.data.draws import Draws

EVERYTHING = Variation(
    augmentation=Augmentation.FLIP_CROP,
    randaugment_layers=2,
    randaugment_probability=0.7,
    color_jitter=0.4,
    erasing=0.5,
)


def noise(count: int, height: int = 16, width: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)


def at(*positions: int) -> Draws:
    return Draws(5, 2, np.array(positions, dtype=np.int64))


def test_a_view_lies_between_0_and_1() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(vary(pixels, Variation(), at(0)), pixels / 255)
    views = vary(noise(40), EVERYTHING, at(*range(40)))
    assert views.min() >= 0
    assert views.max() <= 1


@settings(max_examples=20)
@given(
    st.permutations(range(11)),
    st.lists(st.integers(0, 11), max_size=3).map(sorted),
    st.sampled_from([*Augmentation]),
    st.booleans(),
)
def test_a_view_depends_on_its_image_and_its_position_alone(
    order: list[int], cuts: list[int], augmentation: Augmentation, more: bool
) -> None:
    variation = replace(EVERYTHING if more else Variation(), augmentation=augmentation)
    pixels = noise(11)
    whole = vary(pixels, variation, at(*range(11)))
    parts = [vary(pixels[part], variation, at(*part)) for part in np.split(np.array(order), cuts)]
    assert torch.equal(torch.cat(parts), whole[order])


@pytest.mark.parametrize(
    ("augmentation", "expected"),
    [
        (Augmentation.NONE, (False, False)),
        (Augmentation.CROP, (True, False)),
        (Augmentation.FLIP_CROP, (True, True)),
        (Augmentation.RESIZED_CROP, (False, False)),
        (Augmentation.FLIP_RESIZED_CROP, (False, True)),
    ],
)
def test_what_an_augmentation_does(augmentation: Augmentation, expected: tuple[bool, bool]) -> None:
    ramp = torch.arange(16, dtype=torch.uint8).expand(200, 1, 16, 16)
    rows = vary(ramp, Variation(augmentation=augmentation), at(*range(200)))[:, 0, 0] * 255
    mirrored = rows[:, 4] > rows[:, 10]
    straight = torch.where(mirrored[:, None], rows.flip(1), rows)
    assert (bool((straight != ramp[:, 0, 0]).any()), bool(mirrored.any())) == expected


def test_each_part_is_off_unless_it_is_asked_for() -> None:
    pixels = noise(30)
    plain = vary(pixels, Variation(), at(*range(30)))
    for part in (
        Variation(randaugment_layers=1),
        Variation(color_jitter=0.4),
        Variation(erasing=0.9),
        Variation(augmentation=Augmentation.CROP),
    ):
        assert not torch.equal(vary(pixels, part, at(*range(30))), plain)
    assert torch.equal(vary(pixels, Variation(randaugment_magnitude=15), at(*range(30))), plain)


def test_pixels_and_what_is_made_of_them_are_apart() -> None:
    pixels = noise(9)
    before = pixels.clone()
    vary(pixels, EVERYTHING, at(*range(9)))
    assert torch.equal(pixels, before)
    assert torch.equal(shifted(pixels, at(*range(9)), shift=0.0, mirror=False), before)


def test_elastic_deformation_is_part_of_a_view() -> None:
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    found = vary(images, Variation(elastic=4.0), Draws(0, 0, np.arange(4)))
    assert torch.equal(found, deformed(images, Draws(0, 0, np.arange(4)), 4.0).float() / 255)
