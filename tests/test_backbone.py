import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anmok.backbone import Backbone, ImageSizes, Paper, linear_head
from anmok.catalogue import create_model
from anmok.errors import ImageSizeError, RequestError, SpecError
from anmok.evaluation.cost import measure_memory
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
    (only,) = model.training_logits(IMAGES)
    assert torch.equal(only, logits)


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


@pytest.mark.parametrize("indices", [[5], [-6], [], 0])
def test_a_level_that_there_is_not_is_an_error(indices):
    with pytest.raises(RequestError) as error:
        build("resnet_nano").forward_intermediates(IMAGES, indices)
    assert str(error.value) == f"This network has 4 feature maps: got indices={indices}. Choose from 0 to 3."


def test_a_format_that_there_is_not_is_an_error():
    with pytest.raises(RequestError) as error:
        build("resnet_nano").forward_intermediates(IMAGES, output_fmt="NHWC")
    assert str(error.value) == "Feature maps are given as 'NCHW' or 'NLC': got output_fmt='NHWC'."


def test_the_norm_before_the_head_is_applied_to_tokens_that_it_fits():
    model = build("vit_nano")
    both = (model.forward_intermediates(IMAGES, [1], norm=n, intermediates_only=True) for n in (False, True))
    (plain,), (normed,) = both
    torch.testing.assert_close(normed, model.pool.norm(plain.movedim(1, -1)).movedim(-1, 1))
    model = build("swin_nano")
    plain, normed = (model.forward_intermediates(IMAGES, norm=n, intermediates_only=True) for n in (False, True))
    assert [torch.equal(a, b) for a, b in zip(plain, normed, strict=True)] == [True, True, False]


def test_another_pool_than_its_own_is_refused():
    with pytest.raises(RequestError) as error:
        build("resnet_nano").reset_classifier(3, "avg")
    assert str(error.value) == (
        "A backbone keeps its own pool, or has none and no classes (global_pool='', num_classes=0): "
        "got global_pool='avg' and num_classes=3."
    )
    with pytest.raises(RequestError, match=r"got global_pool='' and num_classes=3"):
        build("resnet_nano").reset_classifier(3, "")


def test_levels_are_the_last_map_of_each_stride_or_all_of_one_stride():
    assert build("vit_nano").feature_info.module_name() == [f"stages.{i}" for i in range(5)]
    resnet = create_model("resnet18").feature_info
    assert list(zip(resnet.module_name(), resnet.channels(), resnet.reduction(), strict=True)) == [
        ("stem", 64, 2),
        ("stages.0", 64, 4),
        ("stages.1", 128, 8),
        ("stages.2", 256, 16),
        ("stages.3", 512, 32),
    ]
    assert resnet.get_dicts(["reduction"], [0, 4]) == [{"reduction": 2}, {"reduction": 32}]
    assert resnet.get_dicts(idx=1) == {"num_chs": 64, "reduction": 4, "module": "stages.0", "index": 1}
    assert resnet.info is resnet


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


def test_a_stage_is_run_block_by_block_unless_somebody_listens_to_it():
    model, images, heard = build("googlenet_nano"), torch.randn(2, 3, 64, 64), []
    expected, alone = model(images), measure_memory(model, images)
    hooks = [stage.register_forward_hook(lambda *call: heard.append(call[0])) for stage in model.stages]
    assert torch.equal(model(images), expected)
    assert heard == list(model.stages)
    assert measure_memory(model, images) > alone  # the inputs of the stages live longer
    for hook in hooks:
        hook.remove()
    assert measure_memory(model, images) == alone
