from dataclasses import replace

import pytest
import torch

from anmok.catalogue import create_model, require_model
from anmok.errors import ImageSizeError, SpecError
from anmok.zoo.seresnet import SEResNet, SEResNetSpec

NANO = require_model("seresnet_nano").spec


@pytest.mark.oracle
@pytest.mark.parametrize(
    "name",
    [
        "seresnet18",
        "seresnet50",
        "seresnext50_32x4d",
        "legacy_seresnet18",
        "legacy_seresnet50",
        "legacy_seresnext50_32x4d",
    ],
)
def test_logits_equal_timms(name, check_parity):
    # timm's legacy nets drop a fifth of the embedding while training unless told otherwise.
    check_parity(name, 65, 96, drop_rate=0.0)


def test_a_gate_is_equations_two_to_four_at_the_end_of_a_branch():
    net = SEResNet(NANO).double().eval()
    block = net.stages[1][0]
    x = torch.randn(2, 32, 6, 8, dtype=torch.float64)
    block.branch.norm2.weight.data.normal_()
    u = block.branch[:-1](x)
    w1, w2 = block.branch.gate.reduce, block.branch.gate.expand
    z = u.mean((2, 3))
    s = torch.sigmoid((z @ w1.weight[:, :, 0, 0].T + w1.bias).clamp(min=0) @ w2.weight[:, :, 0, 0].T + w2.bias)
    assert w1.weight.shape[:2] == (8, 64)
    expected = (s[:, :, None, None] * u + block.shortcut(x)).clamp(min=0)
    torch.testing.assert_close(block(x), expected)


def test_the_stride_of_the_authors_is_in_the_first_convolution_but_for_resnext():
    with torch.device("meta"):
        nets = {n: create_model(n) for n in ("legacy_seresnet50", "seresnet50", "legacy_seresnext50_32x4d")}
    strides = {n: [net.stages[1][0].branch[i].stride[0] for i in (0, 3)] for n, net in nets.items()}
    assert strides == {"legacy_seresnet50": [2, 1], "seresnet50": [1, 2], "legacy_seresnext50_32x4d": [1, 2]}
    assert nets["legacy_seresnext50_32x4d"].stages[1][0].branch.conv2.weight.shape == (256, 8, 3, 3)


def test_the_pool_of_caffe_needs_two_places():
    net = SEResNet(replace(NANO, stem_pool=True, pool_ceil=True, stem_stride=1)).eval()
    assert net(torch.randn(1, 3, 3, 5)).shape == (1, 1000)
    with pytest.raises(ImageSizeError, match=r"from 3 pixels: got 2 x 8. The nearest size that works is 3 x 8"):
        net(torch.randn(1, 3, 2, 8))


def test_only_bottlenecks_have_groups():
    with pytest.raises(SpecError) as error:
        SEResNetSpec(depths=(1,), widths=(8,), groups=4)
    assert str(error.value) == (
        "Only bottlenecks convolve in groups: got groups=4, group_width=64 and expansion=1. Leave them out."
    )


def test_a_pool_that_is_not_there_does_not_round():
    with pytest.raises(SpecError) as error:
        SEResNetSpec(depths=(1,), widths=(8,), stem_pool=False, pool_ceil=True)
    assert str(error.value) == "pool_ceil is the stem's pool's: got stem_pool=False. Leave it out."
