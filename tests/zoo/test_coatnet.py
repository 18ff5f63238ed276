"""timm's form against timm; the paper's against its equations, written out in float64."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, gelu, layer_norm, max_pool2d

from anmok.catalogue import create_model, list_models, require_model
from anmok.errors import SpecError
from anmok.zoo.coatnet import CoAtNet, CoAtNetSpec, MBConvBlock, RelativeAttention, TransformerBlock
from oracles import reference
from parity import answers, relative_error, scatter

NANO = require_model("coatnet_nano").spec


@pytest.fixture
def timms(tmp_path):
    """timm's CoAtNet-0 for 96 x 128 pixels with random numbers everywhere, and its file."""
    model = reference("timm").create_model("coatnet_0_224", num_classes=10, img_size=(96, 128))
    scatter(model)
    save_file(model.state_dict(), tmp_path / "timms.safetensors")
    return model, tmp_path / "timms.safetensors"


@pytest.mark.oracle
def test_logits_equal_timms(timms):
    theirs, path = timms
    ours = create_model("coatnet_0_224", num_classes=10, img_size=(96, 128), pretrained=path)
    images = torch.randn(2, 3, 96, 128)
    for logits, expected in answers(ours, theirs, images):
        assert relative_error(logits, expected) < 1e-5


@pytest.mark.oracle
def test_presets_without_a_form_are_timms():
    timm = reference("timm")
    names = timm.list_models("coatnet_?_224")
    assert names == list_models("coatnet_?_224")
    with torch.device("meta"):
        theirs, ours = (
            [sum(p.numel() for p in create(name).parameters()) for name in names]
            for create in (timm.create_model, create_model)
        )
    assert theirs == ours


def test_tables_of_a_file_are_resampled_as_on_the_fly(tmp_path):
    model = create_model("coatnet_nano", num_classes=10).eval()
    save_file(model.state_dict(), tmp_path / "nano.safetensors")
    images = torch.randn(1, 3, 48, 80)
    other = create_model("coatnet_nano", num_classes=10, img_size=(48, 80), pretrained=tmp_path / "nano.safetensors")
    torch.testing.assert_close(other.eval()(images), model(images))


def norm(x, layer):
    return batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)


@pytest.mark.parametrize("strides", [(2, 1), (1, 2), (1, 1)])
def test_mbconv_is_that_of_the_equation(strides):
    halves = max(strides) > 1
    block = MBConvBlock(
        4, 8 if halves else 4, strides, torch.nn.MaxPool2d(2) if halves else torch.nn.Identity(), drop_path=0
    )
    block = block.double().eval()
    scatter(block)
    x = torch.randn(2, 4, 6, 8, dtype=torch.float64)
    y = gelu(norm(conv2d(norm(x, block.norm), block.expand.conv.weight, stride=strides[0]), block.expand.norm))
    y = conv2d(y, block.mix_space.conv.weight, stride=strides[1], padding=1, groups=y.shape[1])
    y = gelu(norm(y, block.mix_space.norm))
    means = conv2d(y.mean((2, 3), keepdim=True), block.excite.reduce.weight, block.excite.reduce.bias)
    y = y * conv2d(means * means.sigmoid(), block.excite.expand.weight, block.excite.expand.bias).sigmoid()
    y = conv2d(y, block.reduce.weight, block.reduce.bias)
    shortcut = conv2d(max_pool2d(x, 2), block.widen.weight, block.widen.bias) if halves else x
    torch.testing.assert_close(block(x), shortcut + y)


def test_the_transformer_block_is_that_of_the_equations():
    attention = RelativeAttention(4, 8, 2, (2, 3))
    block = TransformerBlock(4, attention, torch.nn.MaxPool2d(2), drop_path=0).double()
    scatter(block)
    x = torch.randn(1, 4, 4, 6, dtype=torch.float64)
    normed = layer_norm(x.movedim(1, -1), (4,), block.norm1.weight, block.norm1.bias, 1e-6).movedim(-1, 1)
    tokens = max_pool2d(normed, 2)[0].flatten(1).T
    q, k, v = attention.qkv(tokens).split(8, dim=1)
    mixed = torch.zeros(6, 8, dtype=torch.float64)
    for head in (slice(0, 4), slice(4, 8)):
        for i in range(6):
            offsets = [(i // 3 - j // 3 + 1) * 5 + (i % 3 - j % 3 + 2) for j in range(6)]
            scores = k[:, head] @ q[i, head] / 4**0.5 + attention.bias[offsets, head.start // 4]
            mixed[i, head] = scores.softmax(0) @ v[:, head]
    y = block.widen(max_pool2d(x, 2))[0].flatten(1).T + attention.project(mixed)
    y = y + block.mlp[2](gelu(block.mlp[0](block.norm2(y))))
    torch.testing.assert_close(block(x)[0].flatten(1).T, y)


def test_the_first_block_of_a_stage_pools_what_an_odd_map_has_left():
    for means, pool in ((True, avg_pool2d), (False, max_pool2d)):
        block = CoAtNet(replace(NANO, pool_means=means)).stages[1][0]
        x = torch.randn(1, 48, 5, 4)
        assert torch.equal(block.pool(x)[:, :, :2], pool(x, 2))
        assert torch.equal(block.pool(x)[:, :, 2:], pool(x[:, :, 4:], (1, 2)))


@pytest.mark.parametrize("layout", ["CCC", "CCT", "CTT", "TTT"])
def test_any_layout_of_convolutions_and_transformers_can_be_built(layout):
    model = CoAtNet(replace(NANO, layout=layout, widths=(32, 64, 96)), num_classes=10).eval()
    kinds = [TransformerBlock if letter == "T" else MBConvBlock for letter in layout]
    assert [type(stage[0]) for stage in model.stages] == kinds
    assert model(torch.randn(2, 3, 33, 28)).isfinite().all()


def test_stage_3_of_coatnet_6_has_blocks_of_both_kinds():
    with torch.device("meta"):
        model = create_model("coatnet_6_paper_512")
    assert [type(block) for block in model.stages[2]] == 8 * [MBConvBlock] + 42 * [TransformerBlock]
    assert model.spec.feature_shapes == ((192, 4), (384, 8), (1536, 16), (2048, 32))


def test_a_spec_that_cannot_be_built_is_refused():
    with pytest.raises(SpecError) as error:
        replace(NANO, layout="CXT")
    assert str(error.value) == "A layout is made of C (MBConv) and T (Transformer): got 'CXT'. Use these."
    with pytest.raises(SpecError) as error:
        replace(NANO, strides=(1, 2, 2))
    assert str(error.value) == (
        "The first run of blocks halves the map, each later one halves or keeps it: got strides (1, 2, 2). "
        "Start with 2 and choose 1 or 2 for the others."
    )
    with pytest.raises(SpecError) as error:
        replace(NANO, widths=(48, 100, 160))
    assert str(error.value) == (
        "Attention splits its width into heads of 32 channels: got width 100. Choose a multiple of 32."
    )
    with pytest.raises(
        SpecError, match="a number in layout and depths and widths and strides: got 4 and 1 and 1 and 4"
    ):
        CoAtNetSpec(stem_width=8, depths=(1,), widths=(8,))
