import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anmok.data import CenterCrop, Draws, ResizedCrop
from anmok.data.views import Span, draw_numbers
from anmok.errors import RequestError

SIDES = st.integers(1, 3000)


@given(SIDES, SIDES, st.integers(0, 10_000))
def test_a_random_crop_lies_in_the_image_and_becomes_the_square(height: int, width: int, seed: int) -> None:
    crop = ResizedCrop()
    numbers = draw_numbers(crop, Draws(seed, 0, np.arange(1)))[0]
    rows, columns, size = crop.view(height, width, 224, numbers)
    for span, side in ((rows, height), (columns, width)):
        assert 0 <= span.start <= span.start + span.length <= side
        assert span.length >= 1
        assert (span.resized, span.cut) == (224, 0)
    assert size == 224


def test_area_is_uniform_shape_is_log_uniform_and_every_place_is_as_likely() -> None:
    crop = ResizedCrop(area=(0.1, 0.4))
    views = [crop.view(4000, 4000, 8, numbers) for numbers in draw_numbers(crop, Draws(0, 0, np.arange(3000)))]
    rows, columns = (np.array([view[axis][:2] for view in views]) for axis in (0, 1))
    area = rows[:, 1] * columns[:, 1] / 4000**2
    shape = np.log(columns[:, 1] / rows[:, 1])
    for values, low, high in (
        (area, 0.1, 0.4),
        (shape, np.log(3 / 4), np.log(4 / 3)),
        (rows[:, 0] / (4000 - rows[:, 1]), 0, 1),
        (columns[:, 0] / (4000 - columns[:, 1]), 0, 1),
    ):
        expected = np.linspace(low, high, 12)[1:-1]
        assert np.abs(np.quantile(values, np.linspace(0, 1, 12)[1:-1]) - expected).max() < 0.04 * (high - low)


@pytest.mark.parametrize(("height", "width"), [(10, 400), (400, 10), (1, 1)])
def test_where_no_box_fits_the_middle_is_taken(height: int, width: int) -> None:
    crop = ResizedCrop(area=(1.0, 1.0))
    rows, columns, _ = crop.view(height, width, 8, draw_numbers(crop, Draws(0, 0, np.arange(1)))[0])
    side = min(height, width)
    longer = max(rows.length, columns.length)
    assert min(rows.length, columns.length) == side
    assert longer == max(1, round(side * 4 / 3)) or side == 1
    for span, whole in ((rows, height), (columns, width)):
        assert span.start == (whole - span.length) // 2


@pytest.mark.parametrize(
    ("image", "resized", "cut"),
    [
        ((375, 500), (256, 341), (16, 58)),
        ((500, 333), (384, 256), (80, 16)),
        ((224, 224), (256, 256), (16, 16)),
        ((97, 1000), (256, 2639), (16, 1208)),
        ((60, 31), (495, 256), (136, 16)),
    ],
)
def test_the_central_crop_is_torchvisions(
    image: tuple[int, int], resized: tuple[int, int], cut: tuple[int, int]
) -> None:
    """Resize(256), CenterCrop(224) of torchvision 0.28 gave these."""
    rows, columns, size = CenterCrop().view(*image, 224, np.empty(0))
    assert (rows, columns) == (Span(0, image[0], resized[0], cut[0]), Span(0, image[1], resized[1], cut[1]))
    assert size == 224


def test_an_axis_can_be_counted_from_its_other_end_and_back() -> None:
    span = Span(start=10, length=50, resized=30, cut=4)
    mirrored = span.mirrored(100, 20)
    assert mirrored == Span(start=40, length=50, resized=30, cut=6)
    assert mirrored.mirrored(100, 20) == span


def test_numbers_belong_to_the_image_and_what_is_drawn_later_is_new() -> None:
    draws = Draws(3, 1, np.arange(4))
    numbers = draw_numbers(ResizedCrop(), draws)
    alone = draw_numbers(ResizedCrop(), Draws(3, 1, np.array([2])))
    assert np.array_equal(numbers[2:3], alone)
    assert not np.isin(draws.uniform(), numbers).any()
    assert draw_numbers(CenterCrop(), draws).shape == (4, 0)


@pytest.mark.parametrize("area", [(0.0, 1.0), (0.5, 0.2), (0.1, 1.2)])
def test_an_area_is_a_share(area: tuple[float, float]) -> None:
    with pytest.raises(RequestError, match=r"^A crop takes a share of the image: got area=\(.*\)\. Give 0 < least"):
        ResizedCrop(area=area)


def test_a_shape_is_positive() -> None:
    with pytest.raises(RequestError, match=r"^A crop has a shape: got ratio=\(0, 1\)\. Give 0 < least <= most"):
        ResizedCrop(ratio=(0, 1))


def test_a_share_of_the_side_is_at_most_one() -> None:
    with pytest.raises(RequestError, match=r"^A crop takes a share of the side: got crop_share=1\.5\. Give 0 < x <= 1"):
        CenterCrop(crop_share=1.5)
