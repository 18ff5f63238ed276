import pytest

from anmok.catalogue import list_models, require_model, require_network
from anmok.errors import UnknownNameError
from oracles import reference
from presets import NANO


def test_names_are_listed_in_natural_order():
    assert list_models("cifar_resnet??") == ["cifar_resnet20", "cifar_resnet32", "cifar_resnet44", "cifar_resnet56"]
    assert list_models("vit_small_patch??_224") == ["vit_small_patch16_224", "vit_small_patch32_224"]
    assert list_models(["cmt_tiny", "mlp_*"]) == ["cmt_tiny", "mlp_nano"]
    assert list_models("no_such_*") == []
    assert list_models("") == list_models()
    assert len(list_models()) == len(set(list_models())) > 200


def test_weight_files_are_listed_by_tag_and_licence():
    assert list_models("vgg16", pretrained=True) == ["vgg16.tv_in1k"]
    assert list_models("cifar_resnet*", licence="BSD-2-Clause") == [
        f"cifar_resnet{n}.cifar10" for n in (20, 32, 44, 56, 110, 1202)
    ]
    permissive = list_models("resnet18", licence="permissive")
    assert permissive[0] == "resnet18.a1_in1k"
    assert "resnet18.fb_swsl_ig1b_ft_in1k" not in permissive
    assert "resnet18.fb_swsl_ig1b_ft_in1k" in list_models("resnet18", pretrained=True)


def test_every_family_has_one_preset_of_ours_to_race():
    families = {require_model(name).family for name in list_models()}
    assert sorted(require_model(name).family for name in NANO) == sorted(families)
    assert all(name.endswith("_nano") for name in NANO)
    assert not require_model("resnet18").is_ours


@pytest.mark.oracle
def test_presets_of_ours_have_names_that_timm_gives_to_no_other_network():
    timm = set(reference("timm").list_models())
    assert not [name for name in list_models(task=None) if require_network(name).is_ours and name in timm]


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UnknownNameError) as error:
        require_model("convnxt_tiny")
    assert str(error.value) == "No model is called 'convnxt_tiny'. Did you mean 'convnext_tiny'?"
    with pytest.raises(UnknownNameError) as error:
        require_model("resnet20")
    assert str(error.value) == "No model is called 'resnet20'. Did you mean 'resnet50'?"
    with pytest.raises(UnknownNameError) as error:
        require_model("swin")
    assert str(error.value).endswith("Did you mean 'swin_nano'?")
    with pytest.raises(UnknownNameError) as error:
        require_model("xyz")
    assert str(error.value) == "No model is called 'xyz'. `anmok models` lists all names."
