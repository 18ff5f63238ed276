from math import exp, pi, sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.probes.filters import blurred, edges, grey


def images(n: int = 2, channels: int = 3, size: int = 12, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, channels, size, size, generator=generator, dtype=torch.float64)


def test_a_blurred_point_is_a_gaussian():
    point = torch.zeros(1, 1, 25, 25, dtype=torch.float64)
    point[0, 0, 12, 12] = 1
    spread = blurred(point, 2.0)[0, 0]
    assert float(spread.sum()) == pytest.approx(1)
    assert float(spread[12, 12]) == pytest.approx(1 / (2 * pi * 4), rel=0.01)
    assert float(spread[12, 16] / spread[12, 12]) == pytest.approx(exp(-16 / 8))
    places = torch.arange(25, dtype=torch.float64) - 12
    assert float((spread.sum(0) * places**2).sum()) == pytest.approx(4, rel=0.03)  # cut at 3 sigma


@settings(max_examples=10)
@given(st.floats(0.1, 4), st.integers(1, 9), st.integers(0, 99))
def test_blurring_leaves_means_of_flat_images_and_never_leaves_the_range(sigma, size, seed):
    flat = torch.full((1, 2, size, size), 0.3, dtype=torch.float64)
    torch.testing.assert_close(blurred(flat, sigma), flat)
    x = images(1, 2, size, seed)
    assert x.amin() - 1e-9 <= blurred(x, sigma).amin()
    assert blurred(x, sigma).amax() <= x.amax() + 1e-9


def test_no_blur():
    assert torch.equal(blurred(images(), 0), images())


def test_grey_is_luma_or_the_mean():
    colours = torch.eye(3)[:, :, None, None].expand(3, 3, 2, 2)
    assert grey(colours)[:, 1, 0, 0].tolist() == pytest.approx([0.299, 0.587, 0.114])
    one = images(2, 1)
    assert torch.equal(grey(one), one)
    torch.testing.assert_close(grey(images(2, 4))[:, 2], images(2, 4).mean(1))


def test_edges_of_a_step_and_of_nothing():
    step = torch.zeros(1, 3, 6, 6)
    step[..., 3:] = 0.5
    drawn = edges(step)
    assert drawn[0, 0, 2].tolist() == pytest.approx([1, 1, 0, 0, 1, 1])
    torch.testing.assert_close(edges(torch.full((1, 3, 5, 5), 0.4)), torch.ones(1, 3, 5, 5), atol=1e-2, rtol=0)


def test_edges_of_a_ramp_have_sobels_magnitude():
    """Slopes a and b give 8 sqrt(a^2 + b^2) everywhere inside, which therefore is as dark as can be."""
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    ramp = (0.03 * rows + 0.04 * columns).expand(1, 3, 8, 8)
    inside = edges(ramp)[0, 0, 1:-1, 1:-1]
    assert inside.abs().max() < 1e-4
    border = edges(ramp)[0, 0, 0, 4]  # half of the slope across the border
    assert float(border) == pytest.approx(1 - sqrt(0.015**2 + 0.04**2) / 0.05, abs=1e-4)
