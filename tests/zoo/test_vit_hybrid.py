from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn.functional import conv2d, max_pool2d, pad

from anmok.catalogue import create_model, require_model
from anmok.errors import ImageSizeError, SpecError
from anmok.zoo.vit_hybrid import StandardConv, StemPool
from oracles import reference
from parity import relative_error

NANO = require_model("vit_hybrid_nano").spec
sides = st.integers(1, 17)


@pytest.mark.oracle
def test_logits_equal_timms(check_parity):
    check_parity("vit_tiny_r_s16_p8_224", 224, 224)


@pytest.mark.oracle
@pytest.mark.parametrize("size", [(192, 160), (161, 97)])
def test_logits_equal_timms_at_other_sizes(size, check_parity):
    check_parity("vit_small_r26_s32_224", *size, dynamic_img_size=True)


@pytest.mark.oracle
def test_every_tensor_of_the_large_variants_has_its_place():
    timm = reference("timm")
    from anmok.catalogue.adapters import find_adapter

    for name in ("vit_base_r50_s16_384", "vit_large_r50_s32_224"):
        with torch.device("meta"):
            theirs = find_adapter("vit_hybrid").read(timm.create_model(name, num_classes=10).state_dict())
            ours = create_model(name, num_classes=10).state_dict()
        assert {key: x.shape for key, x in theirs.items()} == {key: x.shape for key, x in ours.items()}


@given(rows=sides, columns=sides, kernel=st.sampled_from([1, 3, 7]), stride=st.integers(1, 2))
def test_standard_convolution_pads_as_tensorflow_and_uses_standard_filters(rows, columns, kernel, stride):
    conv = StandardConv(2, 4, kernel, stride=stride).double()
    x = torch.randn(1, 2, rows, columns, dtype=torch.float64)
    weight = conv.weight.flatten(1)
    weight = (weight - weight.mean(1, keepdim=True)) / (weight.var(1, unbiased=False, keepdim=True) + 1e-8).sqrt()
    expected = conv2d(_pad_same(x, kernel, stride, 0.0), weight.reshape(conv.weight.shape), stride=stride)
    found = conv(x)
    torch.testing.assert_close(found, expected)
    assert found.shape[2:] == (-(-rows // stride), -(-columns // stride))


@given(rows=sides, columns=sides)
def test_the_pool_of_the_stem_pads_as_tensorflow(rows, columns):
    x = torch.randn(1, 2, rows, columns)
    assert torch.equal(StemPool()(x), max_pool2d(_pad_same(x, 3, 2, -torch.inf), 3, stride=2))


def _pad_same(x, kernel, stride, value):
    margins = []
    for side in reversed(x.shape[2:]):
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        margins += [total // 2, total - total // 2]
    return pad(x, margins, value=value)


def test_maps_come_from_the_resnet_and_then_from_the_blocks():
    model = create_model("vit_hybrid_nano").eval()
    maps = model.feature_maps(torch.randn(1, 3, 40, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [(128, 10, 16), (256, 5, 8), *4 * [(128, 5, 8)]]


def test_one_map_of_each_stride_is_offered_to_others():
    model = create_model("vit_hybrid_nano", features_only=True)
    assert model.feature_info.reduction() == [4, 8]
    with torch.device("meta"):
        assert create_model("vit_base_r50_s16_224", features_only=True).feature_info.reduction() == [4, 8, 16]


def test_positions_are_resampled_when_the_model_is_built_for_another_size(tmp_path):
    model, path = create_model("vit_hybrid_nano", num_classes=5).eval(), tmp_path / "hybrid.safetensors"
    save_file(model.state_dict(), path)
    images = torch.randn(1, 3, 45, 64)
    other = create_model("vit_hybrid_nano", num_classes=5, img_size=(45, 64), pretrained=path).eval()
    torch.testing.assert_close(other(images), model(images))


def test_the_scale_of_a_filter_does_not_matter():
    model, images = create_model("vit_hybrid_nano").eval(), torch.randn(1, 3, 32, 32)
    expected = model(images)
    model.stages[1][0].branch.conv2.weight.data.mul_(3).add_(1)
    assert relative_error(model(images), expected) < 1e-4


def test_patches_of_the_last_map_are_whole():
    with pytest.raises(ImageSizeError) as error:
        replace(require_model("vit_tiny_r_s16_p8_224").spec, img_size=(225, 237))
    assert str(error.value) == (
        "This network takes heights and widths that are multiples of 32 pixels: got 225 x 237. "
        "The nearest size that works is 224 x 224."
    )


def test_groups_divide_the_width():
    with pytest.raises(SpecError) as error:
        replace(NANO, cnn_groups=5)
    assert str(error.value) == (
        "Group norm splits channels evenly: got width 32 and 5 groups. Choose a width that 5 divides."
    )
