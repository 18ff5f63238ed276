import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from anmok.data.border_weights import border_nearness, distance_to, label_objects
from anmok.data.mask_files import IGNORED


def cells(seed: int, side: int = 60) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((side, side + 7)), 2.5)
    return (noise > -0.02).astype(np.uint8)


@settings(max_examples=30)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 999), st.sampled_from([0.2, 0.5, 0.8]))
def test_objects_are_numbered_as_scipy_does(height: int, width: int, seed: int, share: float) -> None:
    inside = np.random.default_rng(seed).random((height, width)) < share
    expected, count = ndimage.label(inside)
    found = label_objects(inside)
    assert found.max() == count
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 999))
def test_distances_are_exact_up_to_their_reach(height: int, width: int, seed: int) -> None:
    inside = np.random.default_rng(seed).random((height, width)) < 0.02
    inside[-1, 0] = True
    expected = ndimage.distance_transform_edt(~inside)
    found = distance_to(inside, 6)
    np.testing.assert_allclose(found[expected <= 6], expected[expected <= 6])
    assert (found[expected > 6] >= expected[expected > 6]).all()


@pytest.mark.parametrize(("seed", "sigma"), [(0, 5.0), (1, 2.0)])
def test_the_map_is_equation_2_by_distances_to_every_object(seed: int, sigma: float) -> None:
    mask = cells(seed)
    objects, count = ndimage.label(mask)
    assert count > 2
    inside = [objects == number for number in range(1, count + 1)]
    distances = [np.where(i, ndimage.distance_transform_edt(i), ndimage.distance_transform_edt(~i)) for i in inside]
    nearest, second = np.sort(distances, axis=0)[:2]
    expected = np.exp(-((nearest + second) ** 2) / (2 * sigma**2))
    np.testing.assert_allclose(border_nearness(mask, sigma), expected, atol=1e-9)


def test_a_crack_between_two_halves_weighs_most_where_it_is_narrow() -> None:
    mask = np.ones((20, 41), dtype=np.uint8)
    mask[:, 20] = 0
    mask[10:, 16:25] = 0
    found = border_nearness(mask)
    assert found[5, 20] == pytest.approx(np.exp(-4 / 50))  # a pixel from either side
    assert found[15, 20] == pytest.approx(np.exp(-100 / 50))
    assert found[5, 19] == pytest.approx(np.exp(-((1 + 2) ** 2) / 50))  # inside: its own border, and the other's


def test_one_object_and_none_weigh_nothing_and_ignored_pixels_are_no_object() -> None:
    mask = np.zeros((9, 9), dtype=np.uint8)
    assert not border_nearness(mask).any()
    mask[2:4, 2:4] = 1
    assert not border_nearness(mask).any()
    mask[6:8, 6:8] = IGNORED
    assert not border_nearness(mask).any()
    mask[6:8, 6:8] = 2
    assert border_nearness(mask).max() > 0.5
