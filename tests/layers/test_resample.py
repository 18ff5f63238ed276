import pytest
import torch
from torch.nn.functional import interpolate

from anmok.layers import resample


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 4), (9, 5), (14, 14), (6, 7)])
def test_it_is_torchs_antialiased_interpolation(size, mode):
    x = torch.randn(2, 3, 6, 7)
    expected = interpolate(x, size=size, mode=mode, antialias=True)
    torch.testing.assert_close(resample(x, size, mode), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("rows", [3, 9])
def test_a_single_column_is_resampled_as_a_single_row_is(rows):
    x = torch.randn(2, 3, 6, 7)
    torch.testing.assert_close(resample(x, (rows, 1)), resample(x.mT, (1, rows)).mT)


def test_half_precision_comes_back_as_it_was():
    assert resample(torch.randn(1, 2, 4, 4).bfloat16(), (6, 6)).dtype is torch.bfloat16
