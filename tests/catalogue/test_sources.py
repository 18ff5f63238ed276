import pytest
import torch
from safetensors.torch import save

from anmok.backbone import Kind
from anmok.catalogue import create_model, require_model
from anmok.errors import ImageSizeError, SpecError, UnknownNameError, WeightsError
from anmok.training.depth import find_layers
from oracles import reference

pytestmark = pytest.mark.oracle


def test_models_of_timm_come_by_name_with_their_own_weights(hub):
    timm = reference("timm")
    assert require_model("timm:resnet10t").architecture.kind is Kind.CNN
    theirs = timm.create_model("resnet10t").eval()
    public = timm.get_pretrained_cfg("resnet10t")
    hub.files[f"{public.hf_hub_id}/main/model.safetensors"] = save(theirs.state_dict())
    model = create_model("timm:resnet10t", pretrained=True).eval()
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model(images), theirs(images))
    torch.testing.assert_close(model.embed(images), theirs.forward_head(theirs.forward_features(images), True))
    known = model.pretrained_cfg
    assert (known["mean"], known["crop_pct"], known["num_classes"]) == (public.mean, public.crop_pct, 1000)
    assert create_model("timm:resnet10t", pretrained=True, num_classes=3)(images).shape == (2, 3)
    assert len(hub.sent) == 1


def test_transformers_of_timm_are_made_for_the_size_and_keep_the_order_of_their_layers():
    timm = reference("timm")
    model = create_model("timm:vit_tiny_patch16_224", num_classes=3, img_size=32, drop_path_rate=0.1)
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 3)
    assert require_model("timm:vit_tiny_patch16_224").architecture.kind is Kind.TRANSFORMER
    theirs = find_layers(model.stages[0])
    assert theirs is not None
    assert find_layers(model) == (
        {f"stages.0.{name}": number for name, number in theirs.numbers.items()},
        frozenset(f"stages.0.{name}" for name in theirs.head),
    )
    with pytest.raises(ImageSizeError, match=r"^'timm:vit_tiny_patch16_224' does not take 3 x 48 x 48 images \(Asser"):
        model(torch.zeros(1, 3, 48, 48))
    near = timm.list_models("vit_tiny_patch16_224")
    with pytest.raises(UnknownNameError) as error:
        require_model("timm:vit_tiny_patch16_225")
    assert str(error.value).startswith(f"timm has no model called 'vit_tiny_patch16_225'. Did you mean '{near[0]}'")


@pytest.fixture
def folder(tmp_path) -> str:
    """A small model of transformers, saved as they save it."""
    transformers = reference("transformers")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8,
        num_labels=4,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "vit.small")
    (tmp_path / "vit.small" / "preprocessor_config.json").write_text(
        '{"image_processor_type": "ViTImageProcessor", "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}'
    )
    return str(tmp_path / "vit.small")


def test_models_of_transformers_come_by_folder_with_their_own_weights(folder):
    preset = require_model(f"hf:{folder}")
    assert (preset.architecture.kind, preset.spec.img_size) == (Kind.TRANSFORMER, (32, 32))
    fresh = create_model(f"hf:{folder}", num_classes=3, in_chans=1, img_size=40)
    assert fresh(torch.randn(2, 1, 40, 40)).shape == (2, 3)
    theirs = reference("transformers").ViTForImageClassification.from_pretrained(folder).eval()
    model = create_model(f"hf:{folder}", pretrained=True).eval()
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(model(images), theirs(images).logits)
    assert model.pretrained_cfg["std"] == (0.25, 0.25, 0.25)
    assert create_model(f"hf:{folder}", pretrained=True, num_classes=3, img_size=32)(images).shape == (2, 3)


def test_position_embeddings_of_transformers_are_resampled_as_theirs_are(folder):
    theirs = reference("transformers").ViTForImageClassification.from_pretrained(folder).eval()
    images = torch.randn(2, 3, 48, 48)
    model = create_model(f"hf:{folder}", pretrained=True, img_size=48).eval()
    expected = theirs(images, interpolate_pos_encoding=True).logits
    torch.testing.assert_close(model(images), expected, atol=1e-3, rtol=1e-3)


def test_models_of_transformers_show_what_goes_into_their_last_layer_and_the_depth_of_the_others(folder):
    theirs = reference("transformers").ViTForImageClassification.from_pretrained(folder).eval()
    model = create_model(f"hf:{folder}", pretrained=True).eval()
    images = torch.randn(2, 3, 32, 32)
    features = model.forward_features(images)
    torch.testing.assert_close(features, theirs.vit(images).last_hidden_state[:, 0])
    assert torch.equal(model.forward_head(features, pre_logits=True), features)
    torch.testing.assert_close(model.forward_head(features), theirs(images).logits)
    layers = find_layers(model)
    numbers = {name.removeprefix("stages.0.vit."): number for name, number in layers.numbers.items()}
    assert numbers["embeddings.cls_token"] == numbers["embeddings.patch_embeddings.projection.weight"] == 0
    blocks = numbers.keys() - layers.head
    assert [{numbers[name] for name in blocks if f".{i}." in name} for i in range(2)] == [{1}, {2}]
    assert numbers["layernorm.weight"] == 2
    assert layers.head == {"stages.0.classifier.weight", "stages.0.classifier.bias"}
    assert layers.last == 3


def test_what_transformers_cannot_give_is_one_sentence(folder, tmp_path):
    transformers = reference("transformers")
    config = transformers.BeitConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8,
        num_labels=4, use_relative_position_bias=True, out_indices=[0],
    )  # fmt: skip
    beit = tmp_path / "beit"
    transformers.BeitForImageClassification(config).save_pretrained(beit)
    with pytest.raises(WeightsError) as error:
        create_model(f"hf:{beit}", pretrained=True, img_size=40)
    assert str(error.value).startswith(f"The weights of 'hf:{beit}' do not fit a network for 40 x 40 pixels: 'beit.")
    assert str(error.value).endswith("' would be random. Choose the size that they were trained with.")
    with pytest.raises(UnknownNameError) as error:
        require_model(f"hf:{tmp_path}")
    assert str(error.value).startswith(f"transformers finds no model '{tmp_path}' (")
    assert str(error.value).endswith("Name a repository of the Hugging Face hub, or a folder with a config.json.")
    with pytest.raises(SpecError) as error:
        create_model(f"hf:{folder}", num_classes=3, drop_path_rate=0.1)
    assert str(error.value) == (
        f"'hf:{folder}' has no parameter drop_path_rate: got drop_path_rate=0.1. Add it there, or leave it out here."
    )
