from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from anmok.catalogue import create_model, require_model
from anmok.catalogue.adapters.mobilenetv3 import ADAPTER
from anmok.errors import SpecError
from anmok.layers.activation import Activation
from anmok.zoo.mobilenetv3 import BlockRow, InvertedBottleneck, MobileNetV3, MobileNetV3Spec
from oracles import reference
from parity import relative_error, scatter

NANO = require_model("mobilenetv3_nano").spec


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "height", "width"),
    [
        ("mobilenetv3_large_100", 96, 128),
        ("mobilenetv3_small_075", 97, 129),
        ("tf_mobilenetv3_large_075", 96, 130),
        ("tf_mobilenetv3_small_minimal_100", 97, 161),
    ],
)
def test_logits_equal_timms(name, height, width, check_parity):
    check_parity(name, height, width)


@pytest.mark.oracle
@pytest.mark.parametrize(("size", "preset"), [("large", "mobilenetv3_large_100"), ("small", "mobilenetv3_small_100")])
def test_torchvisions_files_give_its_logits(size, preset, tmp_path):
    theirs = getattr(reference("torchvision").models, f"mobilenet_v3_{size}")(num_classes=10, dropout=0.0)
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    images = torch.randn(2, 3, 97, 128)
    ours = create_model(preset, num_classes=10, pretrained=tmp_path / "theirs.safetensors").eval()
    assert relative_error(ours(images), theirs.eval()(images)) < 1e-5
    # In train mode only norms with torchvision's eps can give the same.
    ours = MobileNetV3(replace(ours.spec, eps=1e-3), num_classes=10)
    ours.load_state_dict(ADAPTER.read(theirs.state_dict()))
    found, expected = (model.double().train()(images.double()) for model in (ours, theirs))
    assert relative_error(found, expected) < 1e-5


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["mobilenetv3_large_100", "tf_mobilenetv3_small_100"])
def test_feature_maps_are_those_of_timm(name):
    with torch.device("meta"):
        theirs = reference("timm").create_model(name, features_only=True)
        ours = create_model(name, features_only=True)
    assert ours.feature_info.channels() == theirs.feature_info.channels()
    assert ours.feature_info.reduction() == theirs.feature_info.reduction()


def test_a_block_is_that_of_the_figure():
    row = BlockRow(width=4, expansions=(3,), act=Activation.HARD_SWISH)
    spec = replace(NANO, rows=(row,))
    block = InvertedBottleneck(spec, row, 0, width_in=4, drop_path=0.0).double().eval()
    scatter(block)
    x = torch.randn(2, 4, 5, 6, dtype=torch.float64)

    def norm(y, m):
        mean, std = m.running_mean, (m.running_var + spec.eps).sqrt()
        return (((y.movedim(1, -1) - mean) / std) * m.weight + m.bias).movedim(-1, 1)

    def hard_swish(y):
        return y * (y + 3).clamp(0, 6) / 6

    wide = torch.einsum("bchw,dc->bdhw", x, block.expand.conv.weight[:, :, 0, 0])
    wide = hard_swish(norm(wide, block.expand.norm))
    around = torch.nn.functional.pad(wide, (1, 1, 1, 1)).unfold(2, 3, 1).unfold(3, 3, 1)
    wide = torch.einsum("bchwij,cij->bchw", around, block.depthwise.conv.weight[:, 0])
    wide = hard_swish(norm(wide, block.depthwise.norm))
    reduce, expand = block.excite.reduce, block.excite.expand
    means = (wide.mean((2, 3)) @ reduce.weight[:, :, 0, 0].T + reduce.bias).relu()
    wide = wide * ((means @ expand.weight[:, :, 0, 0].T + expand.bias + 3).clamp(0, 6) / 6)[:, :, None, None]
    narrow = torch.einsum("bchw,dc->bdhw", wide, block.project.conv.weight[:, :, 0, 0])
    torch.testing.assert_close(block(x), x + norm(narrow, block.project.norm))


def test_a_fresh_block_with_a_shortcut_passes_its_input_through():
    model = MobileNetV3(NANO).eval()
    x = torch.randn(2, NANO.rows[-1].width, 4, 4)
    assert torch.equal(model.stages[-1][0][-1](x), x)


def test_scaled_rows_repeat_their_last_block():
    row = BlockRow(width=80, expansions=(6, 2.5, 2.3), act=Activation.HARD_SWISH)
    assert row.scaled(1.4, 0.75) == replace(row, width=64, expansions=(6, 2.5, 2.3, 2.3, 2.3))
    assert row.scaled(0.5, 1.0).expansions == (6, 2.5)


def test_drop_path_reaches_the_last_block():
    model = MobileNetV3(replace(NANO, drop_path_rate=0.3))
    assert model.stages[-1][0][-1].drop_path.rate == pytest.approx(0.3)
    assert model.stages[0][0][0].drop_path.rate == 0.0


def test_a_net_has_rows_and_a_row_has_blocks():
    with pytest.raises(SpecError) as error:
        MobileNetV3Spec(rows=(), stem_width=8, act=Activation.RELU)
    assert str(error.value) == "Every stage has a number in rows: got 0. Make the lengths equal and positive."
    with pytest.raises(SpecError) as error:
        BlockRow(width=8, expansions=(), act=Activation.RELU)
    assert str(error.value) == "A row has a block for every expansion: got expansions=(). Name one, or drop the row."
