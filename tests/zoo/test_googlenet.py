from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, conv2d, max_pool2d

from anmok.catalogue import create_model
from anmok.catalogue.weights import load_weights
from anmok.errors import ImageSizeError
from anmok.zoo.googlenet import ARCHITECTURE, GoogLeNet, GoogLeNetSpec, Widths, WindowMeans
from oracles import reference
from parity import relative_error, scatter

PRESETS = ARCHITECTURE.presets
NANO = replace(ARCHITECTURE.ours["googlenet_nano"], auxiliary=True)
ROW = Widths(2, 3, 4, 1, 2, 3)
TINY = GoogLeNetSpec(modules=((ROW,) * 2, (ROW,) * 5, (ROW,) * 2), stem_widths=(4, 3, 5), auxiliary_hidden=6)


def without_dropout(net):
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return net


@pytest.mark.oracle
def test_logits_equal_torchvisions_and_so_do_those_of_auxiliary_classifiers(tmp_path):
    googlenet = reference("torchvision").models.googlenet
    theirs = without_dropout(googlenet(num_classes=10, aux_logits=True, init_weights=False))
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    images = torch.randn(2, 3, 97, 161)
    ours = without_dropout(GoogLeNet(replace(PRESETS["googlenet"], auxiliary=True), num_classes=10))
    load_weights(ours, tmp_path / "theirs.safetensors", "googlenet")
    expected, second, first = theirs.double().train()(images.double())
    found = ours.double().train().training_logits(images.double())
    for ours_logits, theirs_logits in zip(found, (expected, first, second), strict=True):
        assert relative_error(ours_logits, theirs_logits) < 1e-5
    plain = create_model("googlenet", num_classes=10, pretrained=tmp_path / "theirs.safetensors")
    save_file(theirs.state_dict(), tmp_path / "later.safetensors")  # the pass has moved running statistics
    load_weights(plain, tmp_path / "later.safetensors", "googlenet")
    assert relative_error(plain.eval()(images), theirs.float().eval()(images)) < 1e-5


@pytest.mark.parametrize(("name", "params"), [("googlenet_2014", 13_378_280), ("googlenet", 13_004_888)])
def test_auxiliary_classifiers_have_as_many_parameters_as_in_the_papers_code(name, params):
    with torch.device("meta"):
        net = GoogLeNet(replace(PRESETS[name], auxiliary=True))
    assert sum(p.numel() for p in net.parameters()) == params


def layer(x, sequence, padding):
    return conv2d(x, sequence.conv.weight, sequence.conv.bias, padding=padding).relu()


def local_norm(x):
    """With Caffe's numbers: k = 1, n = 5, alpha / n = 2e-5, beta = 0.75."""
    scales = [(1 + 2e-5 * (x[:, max(0, i - 2) : i + 3] ** 2).sum(1)) ** 0.75 for i in range(x.shape[1])]
    return x / torch.stack(scales, dim=1)


def inception(x, module):
    """Fig. 2b."""
    plain, three, five, pooled = module.branches
    parts = [
        layer(x, plain, 0),
        layer(layer(x, three[0], 0), three[1], 1),
        layer(layer(x, five[0], 0), five[1], 2),
        layer(max_pool2d(x, 3, stride=1, padding=1), pooled[1], 0),
    ]
    assert [part.shape[1] for part in parts] == [ROW.plain, ROW.conv3, ROW.conv5, ROW.project]
    return torch.cat(parts, dim=1)


def halve(x):
    return max_pool2d(x, 3, stride=2, ceil_mode=True)


def auxiliary(x, classifier):
    """Sec. 5: means of 5x5 windows with stride 3, 1x1 convolution, two full connections."""
    x = avg_pool2d(x, 5, stride=3)
    assert x.shape[2:] == (4, 4)
    x = layer(x, classifier.features.conv, 0).flatten(1)
    hidden = classifier.features.hidden
    x = (x @ hidden.weight.T + hidden.bias).relu()
    return x @ classifier.head.weight.T + classifier.head.bias


def test_the_network_of_2014_is_that_of_table_1():
    net = without_dropout(GoogLeNet(replace(TINY, auxiliary=True), num_classes=3)).double()
    images = 10 * torch.randn(2, 3, 224, 224, dtype=torch.float64)
    x = conv2d(images, net.stem.conv.weight, net.stem.conv.bias, stride=2, padding=3).relu()
    start, *stages = net.stages
    x = local_norm(halve(x))
    x = local_norm(layer(layer(x, start.reduce, 0), start.conv, 1))
    expected = []
    for stage, rows, names in zip(stages, (28, 14, 7), ("ab", "abcde", "ab"), strict=True):
        x = halve(x)
        assert x.shape[2:] == (rows, rows)
        assert [name[-1] for name, _ in stage.named_children()][1:] == list(names)
        for name, module in list(stage.named_children())[1:]:
            x = inception(x, module)
            if name in ("4a", "4d"):
                expected.append(auxiliary(x, net.auxiliary[name]))
    expected.insert(0, x.mean((2, 3)) @ net.head.weight.T + net.head.bias)
    for found, logits in zip(net.training_logits(images), expected, strict=True):
        torch.testing.assert_close(found, logits)


def test_main_logits_are_the_same_beside_auxiliary_ones_and_all_weights_learn_from_one_pass():
    net = GoogLeNet(NANO, num_classes=5)
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(net.eval().training_logits(images)[0], net(images))
    main, side = net.train().training_logits(images)
    assert main.shape == side.shape == (4, 5)
    (main.square().sum() + 0.3 * side.square().sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_without_auxiliary_classifiers_there_are_the_main_logits_only():
    net, images = create_model("googlenet_nano").eval(), torch.randn(2, 3, 32, 32)
    (only,) = net.training_logits(images)
    assert torch.equal(only, net(images))


def test_recomputing_in_the_backward_pass_changes_nothing():
    images, gradients = torch.randn(2, 3, 32, 32), []
    net = without_dropout(GoogLeNet(NANO, num_classes=5))
    for enable in (False, True):
        net.set_grad_checkpointing(enable)
        net.zero_grad()
        sum(logits.square().sum() for logits in net.training_logits(images)).backward()
        gradients.append([p.grad.clone() for p in net.parameters()])
    torch.testing.assert_close(*gradients)


def test_auxiliary_heads_are_renewed_with_the_head():
    net = GoogLeNet(NANO, num_classes=5).double()
    net.reset_classifier(7)
    logits = net.training_logits(torch.randn(2, 3, 32, 32, dtype=torch.float64))
    assert [tuple(x.shape) for x in logits] == [(2, 7), (2, 7)]


def test_window_means_are_the_papers_or_adaptive_ones():
    x = torch.randn(1, 2, 14, 17)
    assert torch.equal(WindowMeans(4)(x), avg_pool2d(x, 5, stride=3))
    small = x[:, :, :13]
    assert torch.equal(WindowMeans(4)(small), adaptive_avg_pool2d(small, 4))


@pytest.mark.parametrize(("name", "least"), [("googlenet", 15), ("googlenet_2014", 31)])
def test_the_smallest_image_leaves_one_place(name, least):
    with torch.device("meta"):
        net = create_model(name).eval()
        assert net.forward_features(torch.empty(1, 3, least, least)).shape[2:] == (1, 1)
        with pytest.raises(ImageSizeError, match=rf"from {least} pixels: got 300 x {least - 1}. .* is 300 x {least}"):
            net(torch.empty(1, 3, 300, least - 1))


def test_a_training_pass_checks_the_size_too():
    with pytest.raises(ImageSizeError, match=r"from 16 pixels: got 15 x 32"):
        GoogLeNet(NANO).training_logits(torch.randn(1, 3, 15, 32))
