from dataclasses import replace

import pytest
import torch
from safetensors.torch import save, save_file

from anmok.catalogue import create_model, require_model, scale
from anmok.catalogue.public import find_public
from anmok.errors import RequestError, SpecError, UnknownNameError, WeightsError
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
    with pytest.raises(UnknownNameError, match=r"No model is called 'resnet_nan'. Did you mean 'resnet_nano'"):
        create_model("resnet_nan")


def test_public_weights_come_by_name_and_bring_their_preprocessing(hub):
    tensors = create_model("resnet18", num_classes=5).state_dict()
    public = find_public("resnet18")
    hub.files[f"{public.hub}/main/model.safetensors"] = save(tensors)
    model = create_model("resnet18", pretrained=True)
    assert torch.equal(model.head.weight, tensors["head.weight"])
    found = model.default_cfg
    assert (found["hf_hub_id"], found["tag"], found["license"]) == (public.hub, "a1_in1k", "apache-2.0")
    assert (found["crop_pct"], found["test_input_size"], found["input_size"]) == (0.95, (3, 288, 288), (3, 224, 224))
    assert create_model("resnet18", pretrained=public.hub).default_cfg["tag"] == "a1_in1k"
    assert len(hub.sent) == 1


def test_a_tag_chooses_among_public_weights(hub):
    hub.files["timm/resnet18.tv_in1k/main/model.safetensors"] = save(create_model("resnet18").state_dict())
    model = create_model("resnet18.tv_in1k", pretrained=True, num_classes=3, in_chans=1)
    assert model.default_cfg["license"] == "bsd-3-clause"
    assert model.default_cfg["interpolation"] == "bilinear"
    assert model.num_classes == 3
    assert "license" not in create_model("resnet18.tv_in1k").default_cfg
    assert create_model("resnet18.tv_in1k").default_cfg["interpolation"] == "bilinear"


def test_preprocessing_is_the_presets_usual_one_without_weights_of_its_own(tmp_path):
    model = create_model("vit_tiny_patch16_224", num_classes=2)
    assert model.default_cfg["mean"] == (0.5, 0.5, 0.5)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    again = create_model("vit_tiny_patch16_224", pretrained=str(tmp_path / "model.safetensors"))
    assert again.default_cfg["mean"] == (0.5, 0.5, 0.5)
    assert "license" not in again.default_cfg
    assert create_model("cifar_plain20").default_cfg["mean"] == (0.485, 0.456, 0.406)


def test_a_folder_with_a_weight_file_is_a_source(tmp_path):
    model = create_model("mlp_nano", num_classes=2)
    with pytest.raises(WeightsError) as error:
        create_model("mlp_nano", tmp_path)
    assert str(error.value) == (
        f"There is no model.safetensors and no pytorch_model.bin in '{tmp_path}'. Name the weight file itself."
    )
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    assert torch.equal(create_model("mlp_nano", tmp_path).head.weight, model.head.weight)


def test_weights_that_are_not_known_are_one_sentence():
    with pytest.raises(WeightsError) as error:
        create_model("cifar_plain20", pretrained=True)
    assert str(error.value) == (
        "No public weights of cifar_plain20 are known. Name a file or a repository of the Hugging Face hub: "
        "pretrained='path/or/hub-id'."
    )
    with pytest.raises(UnknownNameError) as error:
        create_model("resnet18.a1_in2k", pretrained=True)
    assert str(error.value).startswith("No public weights of resnet18 are called 'a1_in2k'. Did you mean 'a1_in1k' or ")
    with pytest.raises(RequestError) as error:
        create_model("resnet18.a1_in1k", pretrained="w.pth")
    assert str(error.value) == "Weights have one source: got the tag 'a1_in1k' and pretrained='w.pth'. Drop one."


def test_a_choice_of_maps_needs_maps():
    with pytest.raises(RequestError) as error:
        create_model("resnet_nano", out_indices=(0, 1))
    assert str(error.value) == "out_indices chooses among feature maps: got (0, 1). Add features_only=True."


def test_a_network_for_another_task_is_refused():
    with pytest.raises(RequestError) as error:
        create_model("unet")
    assert str(error.value) == "'unet' segments images and is no backbone. Build it with create_segmenter."


def test_other_numbers_give_another_network_of_the_same_kind():
    spec = scale("efficientnet_nano", phi=1)
    model = create_model("efficientnet_nano", spec=spec, num_classes=3, img_size=40, drop_rate=0.1)
    assert model.spec == replace(spec, img_size=(40, 40), drop_rate=0.1)
    assert model(torch.randn(2, 3, 40, 40)).shape == (2, 3)
    maps = create_model("resnet_nano", spec=scale("resnet_nano", phi=1), features_only=True)
    assert maps.feature_info.channels() == [shape.width for shape in scale("resnet_nano", phi=1).levels.values()]


def test_numbers_of_another_family_and_weights_beside_other_numbers_are_refused():
    with pytest.raises(SpecError) as error:
        create_model("resnet_nano", spec=scale("efficientnet_nano", phi=1))
    assert str(error.value) == (
        "resnet_nano is built from numbers of its own kind, ResNetSpec: got EfficientNetSpec. "
        "Scale a preset of the same family."
    )
    with pytest.raises(RequestError) as error:
        create_model("resnet18", pretrained=True, spec=scale("resnet18", phi=1))
    assert str(error.value) == "Weights fit the numbers of a preset: got another spec and pretrained=True. Drop one."


def test_weights_load_beside_the_presets_own_numbers(tmp_path):
    model = create_model("resnet_nano", num_classes=2)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    again = create_model("resnet_nano", tmp_path, spec=require_model("resnet_nano").spec)
    assert torch.equal(again.head.weight, model.head.weight)


def test_auxiliary_classifiers_are_a_wish():
    model = create_model("googlenet_nano", num_classes=3, auxiliary=True)
    assert [logits.shape for logits in model.training_logits(torch.randn(2, 3, 32, 32))] == [(2, 3)] * 2
    assert not create_model("googlenet_nano").auxiliary
    with pytest.raises(SpecError) as error:
        create_model("resnet_nano", auxiliary=True)
    assert str(error.value) == "resnet_nano has no auxiliary classifiers: got auxiliary=True. Leave it out."


def test_auxiliary_classifiers_load_from_a_file(tmp_path):
    model = create_model("inception_nano", num_classes=3, auxiliary=True)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    again = create_model("inception_nano", tmp_path, auxiliary=True)
    assert all(torch.equal(x, again.state_dict()[name]) for name, x in model.state_dict().items())
