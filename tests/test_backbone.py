import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anmok.backbone import Backbone, ImageSizes, Paper, linear_head
from anmok.catalogue import create_model
from anmok.errors import ImageSizeError, RequestError, SpecError
from anmok.zoo.mlp import MLP, MlpSpec
from anmok.zoo.vit import ViTSpec

FAMILIES = ("mlp_nano", "resnet_nano", "vit_nano", "swin_nano", "cmt_nano")
IMAGES = torch.randn(2, 3, 32, 32)


def build(name, **wishes):
    torch.manual_seed(0)
    return create_model(name, num_classes=5, **wishes).eval()


def test_the_contract_itself_cannot_be_built():
    with pytest.raises(TypeError, match=r"abstract"):
        Backbone(MlpSpec(widths=(4,)))


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_come_from_the_embedding_and_that_from_the_features(name):
    model = build(name)
    features, embedding, logits = model.forward_features(IMAGES), model.embed(IMAGES), model(IMAGES)
    assert isinstance(features, torch.Tensor)
    assert torch.equal(model.forward_head(features), logits)
    assert torch.equal(model.forward_head(features, pre_logits=True), embedding)
    assert torch.equal(model.get_classifier()(embedding), logits)
    assert embedding.shape == (2, model.head_hidden_size)
    assert logits.shape == (2, model.num_classes)
    assert model.auxiliary_logits(IMAGES) == []


@pytest.mark.parametrize("name", FAMILIES)
def test_intermediate_maps_are_those_of_the_stages(name):
    model = build(name)
    maps = model.feature_maps(IMAGES)
    last, chosen = model.forward_intermediates(IMAGES, [0, -1])
    assert torch.equal(last, model.forward_features(IMAGES))
    assert torch.equal(chosen[0], maps[0])
    assert torch.equal(chosen[1], maps[-1])
    (only,) = model.forward_intermediates(IMAGES, 1, intermediates_only=True)
    assert torch.equal(only, maps[-1])
    assert len(model.forward_intermediates(IMAGES, intermediates_only=True)) == len(maps) == len(model.feature_info)
    assert model.num_features == maps[-1].shape[1]
    for info in model.feature_info:
        assert isinstance(model.get_submodule(str(info["module"])), nn.Module)


def test_a_stage_or_format_that_there_is_not_is_an_error():
    model = build("resnet_nano")
    with pytest.raises(RequestError) as error:
        model.forward_intermediates(IMAGES, [4])
    assert str(error.value) == "This network has 4 stages: got indices=[4]. Choose from 0 to 3."
    with pytest.raises(RequestError) as error:
        model.forward_intermediates(IMAGES, output_fmt="NLC")
    assert str(error.value) == "Feature maps are given as 'NCHW': got output_fmt='NLC'. Rearrange them."


def test_the_head_can_be_replaced_and_removed():
    model = build("vit_nano")
    embedding = model.embed(IMAGES)
    model.reset_classifier(7)
    assert model(IMAGES).shape == (2, 7)
    assert model.num_classes == 7
    model.reset_classifier(0)
    assert torch.equal(model(IMAGES), embedding)
    assert isinstance(linear_head(3, 0), nn.Identity)


def test_a_new_head_is_of_the_models_precision():
    model = build("mlp_nano").double()
    model.reset_classifier(3)
    assert model(IMAGES.double()).dtype == torch.float64


@pytest.mark.parametrize("name", FAMILIES)
def test_recomputing_in_the_backward_pass_changes_nothing(name):
    gradients = []
    for enable in (False, True):
        model = build(name)
        model.set_grad_checkpointing(enable)
        model(IMAGES).square().sum().backward()
        gradients.append([p.grad for p in model.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)


def test_dropout_acts_on_the_embedding_while_training_only():
    model = build("resnet_nano", drop_rate=0.5)
    assert torch.equal(model(IMAGES), model.head(model.embed(IMAGES)))
    torch.manual_seed(0)
    model.dropout.train()
    assert not torch.equal(model(IMAGES), model.head(model.embed(IMAGES)))


@given(multiple=st.integers(1, 32), minimum=st.integers(1, 100), side=st.integers(1, 300))
def test_the_nearest_size_is_taken_and_no_other_is_nearer(multiple, minimum, side):
    nearest = ImageSizes(multiple, minimum).nearest(side)
    assert nearest >= minimum
    assert nearest % multiple == 0
    taken = range(-(-minimum // multiple) * multiple, 600, multiple)
    assert abs(nearest - side) == min(abs(other - side) for other in taken)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (ImageSizes(), "any"),
        (ImageSizes(multiple=16), "multiples of 16 pixels"),
        (ImageSizes(minimum=32), "from 32 pixels"),
        (ImageSizes(multiple=8, minimum=32), "multiples of 8 pixels from 32 pixels"),
    ],
)
def test_sizes_are_put_in_words(sizes, words):
    assert str(sizes) == words


def test_a_size_that_is_not_taken_names_the_nearest_one_that_is():
    with pytest.raises(ImageSizeError) as error:
        build("vit_nano")(torch.randn(1, 3, 33, 31))
    assert str(error.value) == (
        "This network takes heights and widths that are multiples of 4 pixels: got 33 x 31. "
        "The nearest size that works is 32 x 32."
    )
    with pytest.raises(ImageSizeError, match=r"from 8 pixels: got 4 x 40. The nearest size that works is 8 x 40"):
        create_model("convnext_anmok_nano", img_size=(4, 40))


def test_rates_are_probabilities():
    with pytest.raises(SpecError) as error:
        MlpSpec(widths=(4,), drop_rate=1.0)
    assert str(error.value) == "drop_rate is a probability below 1: got 1.0. Choose one from 0 to 0.9."
    with pytest.raises(SpecError, match=r"drop_path_rate is a probability below 1: got -0.1"):
        ViTSpec(patch=4, width=8, depth=1, num_heads=2, drop_path_rate=-0.1)


@pytest.mark.parametrize("counts", [{"num_classes": -1}, {"in_chans": 0}])
def test_classes_and_channels_are_counts(counts):
    with pytest.raises(SpecError, match=r"A backbone has 0 or more classes .* 1 or more input channels: got"):
        MLP(MlpSpec(widths=(4,)), **counts)


def test_a_paper_is_cited_in_one_line():
    assert str(Paper(title="T", authors="A et al.", year=2020, arxiv="1.2")) == 'A et al. 2020, "T", arXiv:1.2'
    assert str(Paper(title="T", authors="A", year=1986)) == 'A 1986, "T"'
