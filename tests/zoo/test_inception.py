from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import avg_pool2d

from anmok.catalogue import create_model
from anmok.catalogue.weights import load_weights
from anmok.errors import ImageSizeError, SpecError
from anmok.zoo.inception import ARCHITECTURE, InceptionSpec, InceptionV3
from oracles import reference
from parity import relative_error, scatter

V3 = replace(ARCHITECTURE.presets["inception_v3"], auxiliary=True)
NANO = replace(ARCHITECTURE.ours["inception_nano"], auxiliary=True)


@pytest.mark.oracle
def test_logits_equal_timms(tmp_path):
    # While training in float64: in float32 timm's are 2e-5 from what exact arithmetic would give, ours as much.
    theirs = reference("timm").create_model("inception_v3", num_classes=10)
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    ours = create_model("inception_v3", num_classes=10, pretrained=tmp_path / "theirs.safetensors")
    images = torch.randn(2, 3, 171, 203)
    with torch.no_grad():
        assert relative_error(ours.eval()(images), theirs.eval()(images)) < 1e-5
        found, expected = (model.double().train()(images.double()) for model in (ours, theirs))
    assert relative_error(found, expected) < 1e-10


@pytest.mark.oracle
def test_logits_equal_torchvisions_and_so_do_those_of_the_auxiliary_classifier(tmp_path):
    # In float64: the classifier's batch norm sees four numbers per channel here.
    inception_v3 = reference("torchvision").models.inception_v3
    theirs = inception_v3(num_classes=10, aux_logits=True, init_weights=False, dropout=0.0).double()
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    ours = InceptionV3(V3, num_classes=10).double()
    load_weights(ours, tmp_path / "theirs.safetensors", "inception")
    images = torch.randn(2, 3, 299, 347, dtype=torch.float64)
    with torch.no_grad():
        for found, expected in zip(ours.train().training_logits(images), theirs.train()(images), strict=True):
            assert relative_error(found, expected) < 1e-10


def test_the_auxiliary_classifier_has_as_many_parameters_as_in_torchvision():
    with torch.device("meta"):
        net = InceptionV3(V3)
    assert sum(p.numel() for p in net.parameters()) == 27_161_264
    assert list(net.auxiliary) == ["6e"]


def test_levels_are_those_of_timm():
    with torch.device("meta"):
        info = create_model("inception_v3").feature_info
    assert info.channels() == [64, 192, 288, 768, 2048]
    assert info.reduction() == [2, 4, 8, 16, 32]


def test_pooling_after_a_1x1_convolution_is_pooling_before_it():
    net = InceptionV3(NANO).double().eval()
    branch = net.stages[1].get_submodule("5b").branches[3]
    x = torch.randn(2, branch.conv.in_channels, 6, 5, dtype=torch.float64)
    expected = branch.norm(branch.conv(avg_pool2d(x, 3, stride=1, padding=1))).relu()
    torch.testing.assert_close(branch(x), expected)


@pytest.mark.parametrize("side", [32, 64])
def test_the_auxiliary_classifier_takes_maps_below_17_rows(side):
    net = InceptionV3(NANO, num_classes=5)
    main, auxiliary = net.training_logits(torch.randn(2, 3, side, side + 16))
    assert main.shape == auxiliary.shape == (2, 5)


def test_a_fresh_network_is_calm():
    # timm's logits reach 1e12 here.
    torch.manual_seed(0)
    net = create_model("inception_v3", num_classes=100).eval()
    with torch.no_grad():
        logits = net(torch.randn(2, 3, 107, 107))
    assert 1e-3 < logits.std() < 10


def test_the_smallest_image_leaves_one_place():
    with torch.device("meta"):
        net = create_model("inception_v3").eval()
        assert net.forward_features(torch.empty(1, 3, 75, 75)).shape[2:] == (1, 1)
        with pytest.raises(ImageSizeError, match=r"from 75 pixels: got 300 x 74. .* is 300 x 75"):
            net(torch.empty(1, 3, 300, 74))


def test_zeros_are_padded_where_wished():
    with torch.device("meta"):
        net = InceptionV3(replace(V3, padded=True))
        maps = net.feature_maps(torch.empty(1, 3, 299, 299))
    assert [m.shape[2] for m in maps] == [75, 38, 19, 10]
    assert all(
        m.padding[0] == m.kernel_size[0] // 2 for m in net.modules() if isinstance(m, nn.Conv2d) if m.stride[0] == 2
    )


def test_widths_scale_by_sixteenths():
    with pytest.raises(SpecError) as error:
        InceptionSpec(scale=0.3)
    assert str(error.value) == ("All widths are scaled by a positive multiple of 1/16: got 0.3. The nearest is 0.3125.")


def test_there_is_a_module_of_each_kind():
    with pytest.raises(SpecError) as error:
        InceptionSpec(pooled=(), last=1)
    assert str(error.value) == "There is at least one module A, C and E: got 0, 4 and 1. Add what is missing."
