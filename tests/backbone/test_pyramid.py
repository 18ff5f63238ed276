from dataclasses import replace
from math import ceil

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, gelu, layer_norm

from anmok.backbone import FeatureShape, Pyramid
from anmok.catalogue import create_model, create_pyramid, list_models, require_model
from anmok.errors import SpecError
from anmok.zoo.vit import ViT
from oracles import reference
from parity import relative_error, scatter
from presets import NANO
from small_backbones import Stack

STRIDES = (4, 8, 16, 32)


def build(name, width=8):
    torch.manual_seed(0)
    return create_pyramid(name, width=width)


def assert_is_declared(model, images):
    maps = list(model(images).values())
    sides = [tuple(ceil(side / stride) for side in images.shape[2:]) for stride in model.strides]
    assert [map.shape[1] for map in maps] == list(model.channels)
    assert [tuple(map.shape[2:]) for map in maps] == sides
    return maps


@pytest.mark.parametrize("name", NANO)
def test_every_family_gives_maps_of_four_strides(name):
    model = build(name)
    assert (model.strides, model.channels) == (STRIDES, (8,) * 4)
    maps = assert_is_declared(model, torch.randn(2, 3, 41, 70))
    assert all(0.03 < map.std() < 30 for map in maps)
    for parameter in model.parameters():
        if not parameter.any():
            parameter.data.normal_(std=0.1)  # what starts at zero may stop the gradient of others
    sum(map.square().mean() for map in model(torch.randn(2, 3, 41, 70)).values()).backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.any() or parameter.ndim == 1, label


@pytest.mark.parametrize("name", ["resnet18", "swin_tiny_patch4_window7_224", "vit_tiny_r_s16_p8_224", "convnext_atto"])
@torch.no_grad()
def test_so_do_presets_of_other_strides(name):
    assert_is_declared(build(name), torch.randn(1, 3, 65, 32))


def test_every_preset_declares_one_grid_or_a_map_of_stride_4():
    for name in list_models():
        strides = {shape.stride for shape in require_model(name).spec.levels.values()}
        assert 4 in strides or len(strides) == 1, name


@pytest.mark.parametrize(("patch", "size"), [(14, (30, 70)), (8, (33, 65)), (32, (40, 20))])
def test_so_does_any_patch(patch, size):
    spec = replace(require_model("vit_nano").spec, patch=patch, img_size=(2 * patch, 2 * patch))
    assert_is_declared(Pyramid(ViT(spec, num_classes=0), width=4), torch.randn(1, 3, *size))


def test_places_that_a_backbone_leaves_out_are_missing_on_both_sides():
    # Means over 12 and 28 pixels, nothing padded: the first place of each map lies over the second of a whole one.
    mean = nn.Conv2d(3, 3, 12, stride=4, groups=3, bias=False)
    nn.init.constant_(mean.weight, 1 / 144)
    stack = Stack(mean, nn.AvgPool2d(4, stride=2))
    stack.spec = replace(stack.spec, shapes=(FeatureShape(3, 4), FeatureShape(3, 8)))
    model = Pyramid(stack, width=1)
    model.merge.smooth = nn.ModuleList([nn.Identity(), nn.Identity()])
    ramp = torch.arange(64.0).expand(1, 3, 96, 64)
    for used, other in ((0, 1), (1, 0)):
        nn.init.constant_(model.merge.lateral[used].weight, 1 / 3)
        nn.init.zeros_(model.merge.lateral[other].weight)
        found, stride = list(model(ramp).values())[used][0, 0], STRIDES[used]
        middles = stride * torch.arange(64 / stride) + (stride - 1) / 2
        torch.testing.assert_close(found[1:-1, 1:-1], middles[1:-1].expand(96 // stride - 2, -1))
        assert not found[[0, -1]].any()
        assert not found[:, [0, -1]].any()


def test_a_network_that_sees_no_places_says_the_same_everywhere():
    maps = list(build("mlp_nano")(torch.randn(1, 3, 64, 96)).values())
    inner = maps[-1][:, :, :1, 1:-1]
    torch.testing.assert_close(inner, inner[..., :1].expand_as(inner))


@pytest.mark.oracle
def test_top_down_maps_are_those_of_torchvision():
    ops = reference("torchvision.ops")
    model = build("swin_nano").double().eval()
    scatter(model)
    theirs = ops.FeaturePyramidNetwork(model.backbone.feature_info.channels(), 8).double()
    for i in (0, 1):
        theirs.inner_blocks[i][0].load_state_dict(model.merge.lateral[i].state_dict())
        theirs.layer_blocks[i][0].load_state_dict(model.merge.smooth[i].state_dict())
    images = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    maps = model.backbone(images)
    expected = theirs({str(i): map for i, map in enumerate(maps)})
    found = model(images)
    assert list(expected) == ["0", "1"]
    assert all(relative_error(found[key], map) < 1e-13 for key, map in expected.items())


def test_further_strides_follow_from_the_last_map():
    model = build("swin_nano").double().eval()  # its strides are 2, 4 and 8
    maps = model(torch.randn(1, 3, 64, 64, dtype=torch.float64))
    for i, (finer, coarser) in enumerate((("1", "2"), ("2", "3"))):
        filters = model.merge.coarsen[i][1]
        expected = conv2d(maps[finer].clamp(min=0), filters.weight, filters.bias, stride=2, padding=1)
        assert relative_error(maps[coarser], expected) < 1e-13


@pytest.mark.parametrize("patch", [4, 16, 32])
def test_the_simple_pyramid_is_that_of_its_equations(patch):
    spec = replace(require_model("vit_nano").spec, patch=patch, img_size=(64, 64))
    model = Pyramid(ViT(spec, num_classes=0), width=6).double().eval()
    scatter(model)
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    (last,) = model.backbone(images)
    found = model(images)

    def norm(x, layer):
        return layer_norm(x.movedim(1, -1), x.shape[1:2], layer.weight, layer.bias).movedim(-1, 1)

    for i, stride in enumerate(STRIDES):
        x, layers = last, list(model.merge.scales[i])
        if stride > patch:
            b, c, h, w = x.shape
            times = stride // patch
            x = x.reshape(b, c, h // times, times, w // times, times).amax((3, 5))
            layers.pop(0)
        while isinstance(layers[0], nn.ConvTranspose2d):
            up = layers.pop(0)
            assert up.out_channels == up.in_channels // 2
            b, _, h, w = x.shape
            fourfold = torch.einsum("bchw,cdkl->bdhkwl", x, up.weight)
            x = fourfold.reshape(b, -1, 2 * h, 2 * w) + up.bias[:, None, None]
            if isinstance(layers[1], nn.GELU):
                x, layers = gelu(norm(x, layers[0])), layers[2:]
        narrow, norm_1, smooth, norm_2 = layers
        x = norm(conv2d(norm(conv2d(x, narrow.weight), norm_1), smooth.weight, padding=1), norm_2)
        assert relative_error(found[str(i)], x) < 1e-13


def test_what_a_pyramid_does_not_use_is_dropped():
    model = build("vgg_nano")
    whole = create_model("vgg_nano")
    assert len(model.backbone.model.get_classifier().state_dict()) == 0
    assert sum(p.numel() for p in model.backbone.parameters()) < sum(p.numel() for p in whole.parameters())


def test_wishes_that_cannot_be_are_refused():
    with pytest.raises(SpecError) as error:
        build("resnet_nano", width=0)
    assert str(error.value) == "The maps of a pyramid have 1 or more channels: got width=0."
    stack = Stack(nn.Identity(), nn.Identity())
    stack.spec = replace(stack.spec, shapes=(FeatureShape(3, 1), FeatureShape(3, 2)))
    with pytest.raises(SpecError) as error:
        Pyramid(stack)
    assert str(error.value) == (
        "A pyramid starts from a map of stride 4, 8, 16 or 32: this network has [1, 2]. Choose another."
    )


@pytest.mark.compile
def test_it_compiles_as_one_graph():
    model = build("resnet_nano").eval()
    images = torch.randn(2, 3, 40, 64)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(images), model(images))
