import pytest
import torch
from safetensors.torch import save_file

from anmok.catalogue import create_model, require_model
from anmok.zoo.deit import TwinHead
from anmok.zoo.vit import ViT
from oracles import reference
from parity import relative_error, scatter

DISTILLED = "deit_tiny_distilled_patch16_224"
IMAGES = torch.randn(2, 3, 32, 32)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["deit_tiny_patch16_224", DISTILLED])
def test_logits_equal_timms(name, check_parity):
    check_parity(name, 224, 224)


@pytest.mark.oracle
def test_logits_equal_timms_at_other_sizes(check_parity):
    check_parity(DISTILLED, 192, 272, dynamic_img_size=True)


@pytest.mark.oracle
def test_both_heads_equal_timms_where_it_trains_them_apart(tmp_path):
    theirs = reference("timm").create_model(DISTILLED, num_classes=10)
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    ours = create_model(DISTILLED, num_classes=10, pretrained=tmp_path / "theirs.safetensors")
    theirs.set_distilled_training()
    images = torch.randn(1, 3, 224, 224)
    for logits, expected in zip(ours.training_logits(images), theirs.train()(images), strict=True):
        assert relative_error(logits, expected) < 1e-5


@pytest.mark.oracle
@pytest.mark.parametrize("distilled", [False, True])
def test_files_of_transformers_are_read(distilled, tmp_path):
    transformers = reference("transformers")
    sizes = {"hidden_size": 192, "intermediate_size": 768, "num_attention_heads": 3, "num_labels": 10}
    eps = 1e-6  # what public weights were trained with; transformers has 1e-12
    if distilled:
        config = transformers.DeiTConfig(**sizes, layer_norm_eps=eps)
        theirs = transformers.DeiTForImageClassificationWithTeacher(config).eval()
    else:
        theirs = transformers.ViTForImageClassification(transformers.ViTConfig(**sizes, layer_norm_eps=eps)).eval()
    scatter(theirs)
    theirs.save_pretrained(tmp_path)
    name = DISTILLED if distilled else "deit_tiny_patch16_224"
    ours = create_model(name, num_classes=10, pretrained=tmp_path / "model.safetensors").eval()
    images = torch.randn(1, 3, 224, 224)
    assert relative_error(ours(images), theirs(images).logits) < 1e-5


def test_a_twin_head_answers_with_the_mean_of_its_two_layers():
    head, embedding = TwinHead(6, 3).double(), torch.randn(2, 12, dtype=torch.float64)
    label = embedding[:, :6] @ head.label.weight.T + head.label.bias
    teacher = embedding[:, 6:] @ head.teacher.weight.T + head.teacher.bias
    torch.testing.assert_close(head(embedding), (label + teacher) / 2)


def test_training_sees_the_logits_of_each_token():
    model = create_model("deit_nano", num_classes=5).eval()
    label, teacher = model.training_logits(IMAGES)
    torch.testing.assert_close((label + teacher) / 2, model(IMAGES))
    assert not torch.allclose(label, teacher)
    plain = create_model("deit_tiny_patch16_224", num_classes=5, img_size=32).eval()
    (only,) = plain.training_logits(IMAGES)
    assert torch.equal(only, plain(IMAGES))


def test_the_head_sees_both_tokens_and_no_other():
    model = create_model("deit_nano").eval()
    tokens = model.forward_features(IMAGES)
    for position, seen in ((0, True), (1, True), (2, False)):
        changed = tokens.clone()
        changed[:, position] += torch.randn(128)
        assert torch.equal(model.forward_head(tokens), model.forward_head(changed)) is not seen


def test_a_twin_head_is_replaced_by_a_twin_head():
    model = create_model("deit_nano", num_classes=5).double()
    model.reset_classifier(7)
    assert isinstance(model.head, TwinHead)
    assert model(IMAGES.double()).shape == (2, 7)
    model.reset_classifier(0)
    assert model(IMAGES.double()).shape == (2, model.head_hidden_size) == (2, 256)


def test_a_twin_head_for_other_classes_stays_fresh_and_the_rest_is_read(tmp_path):
    model, path = create_model("deit_nano", num_classes=5).eval(), tmp_path / "deit.safetensors"
    save_file(model.state_dict(), path)
    other = create_model("deit_nano", num_classes=4, pretrained=path).eval()
    assert torch.equal(other.embed(IMAGES), model.embed(IMAGES))
    assert other(IMAGES).shape == (2, 4)


def test_positions_are_resampled_beside_both_tokens(tmp_path):
    model, path = create_model("deit_nano", num_classes=5).eval(), tmp_path / "deit.safetensors"
    save_file(model.state_dict(), path)
    other = create_model("deit_nano", num_classes=5, img_size=(48, 64), pretrained=path).eval()
    images = torch.randn(1, 3, 48, 64)
    torch.testing.assert_close(other(images), model(images))
    assert torch.equal(other.stem.positions[:, :2], model.stem.positions[:, :2])


def test_plain_variants_are_vits():
    with torch.device("meta"):
        plain = create_model("deit_base_patch16_384")
        vit = ViT(require_model("vit_base_patch16_384").spec)
    shapes = [{name: x.shape for name, x in model.state_dict().items()} for model in (plain, vit)]
    assert shapes[0] == shapes[1]
