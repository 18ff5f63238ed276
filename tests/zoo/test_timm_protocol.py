"""What code written for timm expects of a model, asked of the smallest of each kind.

After timm's own tests/test_models.py, and with timm's own tools where it is installed.
"""

from itertools import pairwise

import pytest
import torch
from torch import nn

from anmok.backbone import FeatureList
from anmok.catalogue import create_model, list_models, require_model
from oracles import reference
from presets import NANO

IMAGES = torch.randn(2, 3, 32, 32)


def build(name, **wishes):
    torch.manual_seed(0)
    return create_model(name, **wishes)


@pytest.mark.parametrize("name", NANO)
def test_backward_gives_every_parameter_a_gradient(name):
    model = build(name, num_classes=42)
    sum(logits.mean() for logits in model.training_logits(IMAGES)).backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None, label
    assert model(IMAGES).shape == (2, 42)


@pytest.mark.parametrize("name", NANO)
def test_the_default_configuration_agrees_with_the_model(name):
    model = build(name).eval()
    config = model.default_cfg
    assert config == model.pretrained_cfg
    assert config["input_size"] == (3, *model.spec.img_size)
    weights = model.state_dict()
    classifiers = config["classifier"]
    for module in (config["first_conv"], *((classifiers,) if isinstance(classifiers, str) else classifiers)):
        assert f"{module}.weight" in weights
    assert weights[f"{config['first_conv']}.weight"].shape[1] % 3 == 0
    images = torch.randn(1, *config["input_size"])
    *_, last = model.feature_maps(images)
    assert last.shape[1] == model.num_features
    model.reset_classifier(0)
    assert model(images).shape == (1, model.head_hidden_size)
    model.reset_classifier(0, "")
    assert torch.equal(model(images), model.forward_features(images))


@pytest.mark.parametrize("name", NANO)
def test_features_only_gives_the_declared_channels_and_strides(name):
    model = build(name, features_only=True).eval()
    assert isinstance(model, FeatureList)
    info, maps = model.feature_info, model(IMAGES)
    assert len(maps) == len(info.channels()) >= min(3, len(info))
    for map, channels, reduction in zip(maps, info.channels(), info.reduction(), strict=True):
        assert map.shape[:2] == (2, channels)
        assert all(abs(side - 32 / reduction) <= 1 for side in map.shape[2:])
    assert info.reduction() == sorted(info.reduction())
    assert all(isinstance(model.model.get_submodule(module), nn.Module) for module in info.module_name())
    assert "classifier" not in model.pretrained_cfg
    assert len(model.get_submodule("model.head").state_dict()) == 0


@pytest.mark.parametrize("name", NANO)
def test_features_only_gives_the_maps_of_the_whole_model(name):
    whole = build(name).eval()
    last = len(whole.feature_info) - 1
    for indices in ([0], [last], [0, last], 1):
        model = build(name, features_only=True, out_indices=indices).eval()
        expected = whole.forward_intermediates(IMAGES, indices, intermediates_only=True)
        for found, map in zip(model(IMAGES), expected, strict=True):
            assert torch.equal(found, map)
    pruned = build(name, features_only=True, out_indices=[0])
    assert sum(p.numel() for p in pruned.parameters()) < sum(p.numel() for p in whole.parameters())


@pytest.mark.parametrize("name", NANO)
def test_intermediates_equal_the_features_and_take_timms_keywords(name):
    model = build(name).eval()
    features = model.forward_features(IMAGES)
    last, maps = model.forward_intermediates(IMAGES)
    assert torch.equal(last, features)
    assert len(maps) == len(model.feature_info)
    (only,) = model.forward_intermediates(IMAGES, 1, intermediates_only=True)
    assert torch.equal(only, maps[-1])
    (rows,) = model.forward_intermediates(IMAGES, [-1], output_fmt="NLC", intermediates_only=True)
    assert torch.equal(rows, maps[-1].flatten(2).transpose(1, 2))
    early, (first,) = model.forward_intermediates(IMAGES, [0], stop_early=True)
    assert torch.equal(first, maps[0])
    if len(maps) > 1:
        assert early.shape != features.shape or not torch.equal(early, features)


@pytest.mark.parametrize("name", NANO)
def test_recomputing_changes_neither_answers_nor_gradients(name):
    answers, gradients = [], []
    for enable in (False, True):
        model = build(name, num_classes=5)
        model.set_grad_checkpointing(enable)
        torch.manual_seed(0)
        logits = model.train()(IMAGES)
        logits.square().sum().backward()
        answers.append(logits)
        gradients.append({label: p.grad for label, p in model.named_parameters() if p.grad is not None})
    torch.testing.assert_close(answers[1], answers[0], rtol=1e-6, atol=1e-6)
    assert gradients[0].keys() == gradients[1].keys()
    for label, gradient in gradients[0].items():
        assert (gradients[1][label] - gradient).norm() <= 1e-6 * gradient.norm() + 1e-8, label


@pytest.mark.parametrize("name", NANO)
def test_parameters_are_grouped_by_depth_and_positions_do_not_decay(name):
    reference("timm")
    from timm.models import group_parameters
    from timm.optim import create_optimizer_v2

    model = build(name, num_classes=5)
    for coarse in (False, True):
        groups = group_parameters(model, model.group_matcher(coarse=coarse), reverse=True)
        assert set(groups) == {label for label, _ in model.named_parameters()}
        assert all(group == max(groups.values()) for label, group in groups.items() if label.startswith("head"))
        named = [[n for n in groups if n.startswith(f"stages.{i}.")] for i in range(len(model.stages))]
        firsts = [min(groups[n] for n in names) for names in named if names]
        assert all(a < b for a, b in pairwise(firsts))
    kept = model.no_weight_decay()
    assert all(not label.endswith(".weight") for label in kept)
    optimizer = create_optimizer_v2(model, "adamw", lr=1e-3, weight_decay=0.1, layer_decay=0.7)
    decayed = {id(p) for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]}
    assert all((id(p) in decayed) == (p.ndim > 1 and label not in kept) for label, p in model.named_parameters())
    scales = [group["lr_scale"] for group in optimizer.param_groups]
    assert max(scales) == 1
    assert min(scales) < 1
    model(IMAGES).sum().backward()
    optimizer.step()


@pytest.mark.oracle
@pytest.mark.parametrize("name", NANO)
def test_timms_own_feature_wrapper_takes_the_model(name):
    reference("timm")
    from timm.models._features import FeatureGetterNet

    model = build(name).eval()
    expected = model.forward_intermediates(IMAGES, intermediates_only=True)
    wrapped = FeatureGetterNet(model, out_indices=len(expected))
    for found, map in zip(wrapped(IMAGES), expected, strict=True):
        assert torch.equal(found, map)
    assert wrapped.feature_info.channels() == [map.shape[1] for map in expected]


@pytest.mark.oracle
def test_timms_data_configuration_and_averaged_models_take_the_model():
    reference("timm")
    from timm.data import resolve_data_config
    from timm.utils import ModelEmaV3

    model = create_model("vit_small_patch16_384", img_size=96)
    found = resolve_data_config(model=model)
    assert found["input_size"] == (3, 96, 96)
    assert (found["mean"], found["std"], found["crop_pct"]) == ((0.5,) * 3, (0.5,) * 3, 1.0)
    small = build("resnet_nano", num_classes=3).eval()
    average = ModelEmaV3(small, decay=0.5)
    average.update(small)
    torch.testing.assert_close(average(IMAGES), small(IMAGES))


# timm gives the maps of a hybrid's last blocks, all of one stride; ours are those of its CNN too.
REAL = sorted(
    {
        require_model(name).family: name
        for name in list_models()
        if not require_model(name).is_ours and require_model(name).family != "vit_hybrid"
    }.values()
)


@pytest.mark.oracle
@pytest.mark.parametrize("name", REAL)
def test_feature_levels_are_numbered_as_in_timm(name):
    timm = reference("timm")
    if name not in timm.list_models():
        pytest.skip("timm has no such model")
    with torch.device("meta"):
        theirs = timm.create_model(name, features_only=True).feature_info
        ours = create_model(name, features_only=True).feature_info
    for key in ("num_chs", "reduction"):
        assert [entry[key] for entry in ours.info] == [entry[key] for entry in theirs.info]
    assert ours.channels() == theirs.channels()
    assert ours.channels(0) == theirs.channels(0)
    assert ours.reduction([0, 1]) == theirs.reduction([0, 1])
    assert ours.get_dicts(["num_chs"]) == theirs.get_dicts(["num_chs"])
