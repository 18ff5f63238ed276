import pytest
import torch

from anmok.catalogue import create_model
from anmok.errors import SpecError, UnknownNameError
from anmok.layers import DropPath


def test_wishes_change_the_preset_and_nothing_else():
    model = create_model("vit_nano", num_classes=3, in_chans=1, img_size=64, drop_rate=0.2, drop_path_rate=0.3)
    assert model.spec.img_size == (64, 64)
    assert model.spec.width == create_model("vit_nano").spec.width
    assert model.dropout.p == 0.2
    assert [m.rate for m in model.modules() if isinstance(m, DropPath)] == pytest.approx([0, 0.075, 0.15, 0.225, 0.3])
    assert model(torch.randn(2, 1, 64, 64)).shape == (2, 3)
    assert model.training


def test_presets_regularise_nothing_by_themselves():
    model = create_model("cmt_nano")
    assert model.dropout.p == 0
    assert all(m.rate == 0 for m in model.modules() if isinstance(m, DropPath))


def test_models_are_made_without_memory_on_the_meta_device():
    with torch.device("meta"):
        assert create_model("vit_huge_patch14_224").head.weight.is_meta


def test_a_wish_without_effect_is_an_error():
    with pytest.raises(SpecError) as error:
        create_model("mlp_nano", drop_path_rate=0.1)
    assert str(error.value) == "mlp_nano has no residual branch to drop: got drop_path_rate=0.1. Leave it out."


def test_an_unknown_name_is_an_error():
    with pytest.raises(UnknownNameError, match=r"No backbone is called 'resnet_nan'. Did you mean 'resnet_nano'"):
        create_model("resnet_nan")
