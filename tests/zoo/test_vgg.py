from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from anmok.catalogue import create_model, require_model
from anmok.catalogue.weights import load_weights
from anmok.errors import ImageSizeError, SpecError, WeightsError
from anmok.zoo.vgg import VGG, Norm, VGGSpec
from oracles import reference
from parity import answers, relative_error, scatter

HIDDEN = 32  # in place of 4096: what these tests are about comes before


def check(theirs, name, file):
    scatter(theirs)
    save_file(theirs.state_dict(), file)
    ours = VGG(replace(require_model(name).spec, hidden=HIDDEN), num_classes=10)
    load_weights(ours, file, "vgg")
    images = torch.randn(2, 3, 64, 97)
    for logits, expected in answers(ours, theirs, images):
        assert relative_error(logits, expected) < 1e-5


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["vgg11", "vgg13_bn"])
def test_logits_equal_torchvisions(name, tmp_path):
    vgg = reference("torchvision").models.vgg
    layers = vgg.make_layers(vgg.cfgs["A" if name == "vgg11" else "B"], batch_norm=name.endswith("bn"))
    theirs = vgg.VGG(layers, num_classes=10, init_weights=False, dropout=0.0)
    theirs.classifier[0] = nn.Linear(512 * 7 * 7, HIDDEN)
    theirs.classifier[3] = nn.Linear(HIDDEN, HIDDEN)
    theirs.classifier[6] = nn.Linear(HIDDEN, 10)
    check(theirs, name, tmp_path / "theirs.safetensors")


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["vgg16_bn", "vgg19"])
def test_logits_equal_timms_whose_full_connections_are_convolutions(name, tmp_path):
    with torch.device("meta"):
        theirs = reference("timm").create_model(name, num_classes=10)
    theirs.pre_logits.fc1 = nn.Conv2d(512, HIDDEN, 7, device="meta")
    theirs.pre_logits.fc2 = nn.Conv2d(HIDDEN, HIDDEN, 1, device="meta")
    theirs.head.fc = nn.Linear(HIDDEN, 10, device="meta")
    theirs = theirs.to_empty(device="cpu")
    for module in theirs.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    check(theirs, name, tmp_path / "theirs.safetensors")


def test_levels_are_those_of_timm():
    with torch.device("meta"):
        info = create_model("vgg16").feature_info
    assert info.channels() == [64, 128, 256, 512, 512, 512]
    assert info.reduction() == [1, 2, 4, 8, 16, 32]


def test_a_file_of_another_network_says_what_does_not_fit(tmp_path):
    nano = create_model("vgg_nano")
    save_file({"features.denseblock1.weight": torch.zeros(4, 3, 3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"does not fit this VGG: it lacks 'stem.0.conv.weight', "):
        load_weights(nano, tmp_path / "other.safetensors", "vgg")


def test_in_variant_c_every_third_convolution_has_one_place():
    with torch.device("meta"):
        net, plain = create_model("vgg16_1x1"), create_model("vgg16")
    kernels = [conv.kernel_size[0] for conv in net.modules() if isinstance(conv, nn.Conv2d)]
    assert kernels == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]
    images = torch.empty(1, 3, 224, 224, device="meta")
    assert [m.shape for m in net.feature_maps(images)] == [m.shape for m in plain.feature_maps(images)]


def test_variant_a_lrn_normalises_the_first_convolution_only():
    spec = VGGSpec(depths=(1, 2), widths=(7, 4), hidden=5, grid=2, norm=Norm.LOCAL, img_size=(8, 8))
    net, plain = (VGG(s, num_classes=3).double().eval() for s in (spec, replace(spec, norm=Norm.NONE)))
    net.load_state_dict(plain.state_dict())
    images = 30 * torch.randn(2, 3, 8, 8, dtype=torch.float64)
    x = plain.stem(images)
    scales = [(2 + 1e-4 * (x[:, max(0, i - 2) : i + 3] ** 2).sum(1)) ** 0.75 for i in range(7)]
    x = x / torch.stack(scales, dim=1)
    for stage in plain.stages:
        x = stage(x)
    torch.testing.assert_close(net.forward_features(images), x)


def test_dropout_follows_both_hidden_layers():
    net = create_model("vgg_nano", drop_rate=0.4)
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.4, 0.4]


def test_five_pools_need_32_pixels():
    with torch.device("meta"):
        net = create_model("vgg11")
        assert net.forward_features(torch.empty(1, 3, 32, 63)).shape[2:] == (1, 1)
        with pytest.raises(
            ImageSizeError, match=r"from 32 pixels: got 31 x 40. The nearest size that works is 32 x 40"
        ):
            net(torch.empty(1, 3, 31, 40))


def test_each_group_has_a_width():
    with pytest.raises(SpecError) as error:
        VGGSpec(depths=(1, 1), widths=(8,))
    assert str(error.value) == (
        "Every stage has a number in depths and widths: got 2 and 1. Make the lengths equal and positive."
    )
