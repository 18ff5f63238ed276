import pytest
import torch

from anmok.errors import SpecError
from anmok.zoo.convnext import ConvNeXtBlock, ConvNeXtSpec


@pytest.mark.oracle
def test_logits_equal_timms(check_parity):
    check_parity("convnext_tiny", 96, 130)


def test_a_block_starts_as_nearly_the_identity_and_its_gain_scales_the_branch():
    x = torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(ConvNeXtBlock(8, kernel=5, layer_scale=1e-6, drop_path=0.0)(x), x, atol=1e-4, rtol=0)
    block = ConvNeXtBlock(8, kernel=5, layer_scale=1.0, drop_path=0.0)
    change = block(x) - x
    block.gain.data.fill_(0.5)
    torch.testing.assert_close(block(x) - x, change / 2, atol=1e-6, rtol=1e-4)


def test_each_stage_has_a_width():
    with pytest.raises(SpecError) as error:
        ConvNeXtSpec(depths=(1,), widths=(8, 16))
    assert str(error.value) == (
        "Every stage has a number in depths and widths: got 1 and 2. Make the lengths equal and positive."
    )
