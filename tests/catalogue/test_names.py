import pytest

from anmok.catalogue import list_models, require_model
from anmok.errors import UnknownNameError
from oracles import reference


def test_names_are_listed_in_natural_order():
    assert list_models("cifar_resnet*") == ["cifar_resnet20", "cifar_resnet32", "cifar_resnet44", "cifar_resnet56"]
    assert list_models("resnet*") == ["resnet18", "resnet34", "resnet50", "resnet_nano"]
    assert list_models("vit_small_patch??_224") == ["vit_small_patch16_224", "vit_small_patch32_224"]
    assert list_models("no_such_*") == []
    assert len(list_models()) == len(set(list_models())) == 48


def test_every_family_has_one_preset_of_ours_to_race():
    nano = [require_model(name) for name in list_models("*_nano")]
    assert sorted(preset.family for preset in nano) == ["cmt", "convnext", "mlp", "resnet", "swin", "vit"]
    assert all(preset.is_ours for preset in nano)
    assert not require_model("resnet18").is_ours


@pytest.mark.oracle
def test_a_name_that_timm_has_is_the_same_network_and_ours_are_not_among_them():
    timm = set(reference("timm").list_models())
    for name in list_models():
        preset = require_model(name)
        assert (name in timm) is (not preset.is_ours and preset.family != "cmt" and not name.startswith("cifar_")), name


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UnknownNameError) as error:
        require_model("convnxt_tiny")
    assert str(error.value) == "No backbone is called 'convnxt_tiny'. Did you mean 'convnext_tiny'?"
    with pytest.raises(UnknownNameError) as error:
        require_model("resnet20")
    assert str(error.value) == "No backbone is called 'resnet20'. Did you mean 'resnet50'?"
    with pytest.raises(UnknownNameError) as error:
        require_model("swin")
    assert str(error.value).endswith("Did you mean 'swin_nano'?")
    with pytest.raises(UnknownNameError) as error:
        require_model("xyz")
    assert str(error.value) == "No backbone is called 'xyz'. `anmok models` lists all names."
