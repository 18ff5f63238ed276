import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, max_pool2d

from anmok.catalogue import create_model
from anmok.catalogue.weights import load_weights
from anmok.errors import ImageSizeError, SpecError
from anmok.zoo.alexnet import ARCHITECTURE, AlexNet, AlexNetSpec, GridMeans
from oracles import reference
from parity import answers, relative_error, scatter

PRESETS = ARCHITECTURE.presets
TINY_2012 = AlexNetSpec(
    widths=(4, 6, 8, 8, 6), hidden=5, towers=2, local_norm=True, stem_padding=0, img_size=(227, 227)
)


@pytest.mark.oracle
@pytest.mark.parametrize("size", [(224, 224), (97, 130)])
def test_logits_equal_torchvisions(size, tmp_path):
    theirs = reference("torchvision").models.alexnet(num_classes=10, dropout=0.0)
    scatter(theirs)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = create_model("alexnet", num_classes=10, pretrained=tmp_path / "theirs.pth")
    images = torch.randn(2, 3, *size)
    for logits, expected in answers(ours, theirs, images):
        assert relative_error(logits, expected) < 1e-5


def test_a_file_of_another_network_says_what_does_not_fit(tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "vgg.pth")
    with pytest.raises(
        ValueError, match=r"does not fit this AlexNet: .* 'stem.conv1.weight' is 64 x 3 x 3 x 3 and not"
    ):
        load_weights(AlexNet(TINY_2012), tmp_path / "vgg.pth", "alexnet")


def local_norm(x):
    """Sec. 3.3, written out: k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    channels = range(x.shape[1])
    scales = [(2 + 1e-4 * (x[:, max(0, i - 2) : i + 3] ** 2).sum(1)) ** 0.75 for i in channels]
    return x / torch.stack(scales, dim=1)


def two_towers(x, conv, padding):
    """A convolution whose halves see the maps of their own tower only."""
    halves = zip(x.chunk(2, 1), conv.weight.chunk(2), conv.bias.chunk(2), strict=True)
    return torch.cat([conv2d(half, weight, bias, padding=padding) for half, weight, bias in halves], dim=1)


def test_the_network_of_2012_is_that_of_section_3_5():
    net = AlexNet(TINY_2012, num_classes=3).double().eval()
    images = torch.randn(2, 3, 227, 227, dtype=torch.float64)
    conv2, conv3, conv4, conv5 = net.stages[0].conv2, *(net.stages[1].get_submodule(f"conv{i}") for i in (3, 4, 5))
    x = conv2d(images, net.stem.conv1.weight, net.stem.conv1.bias, stride=4).relu()
    assert x.shape[2:] == (55, 55)
    x = two_towers(max_pool2d(local_norm(x), 3, 2), conv2, 2).relu()
    x = conv2d(max_pool2d(local_norm(x), 3, 2), conv3.weight, conv3.bias, padding=1).relu()
    x = two_towers(two_towers(x, conv4, 1).relu(), conv5, 1).relu()
    x = max_pool2d(x, 3, 2).reshape(2, 6 * 6 * 6)
    for layer in (net.pool.linear1, net.pool.linear2):
        x = (x @ layer.weight.T + layer.bias).relu()
    torch.testing.assert_close(net(images), x @ net.head.weight.T + net.head.bias)


@pytest.mark.parametrize("size", [(6, 6), (4, 9), (1, 13), (12, 5)])
def test_an_exported_map_is_averaged_as_any_other(size, monkeypatch):
    x = torch.randn(2, 3, *size)
    expected = nn.AdaptiveAvgPool2d(6)(x)
    assert torch.equal(GridMeans(6)(x), expected)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    torch.testing.assert_close(GridMeans(6)(x), expected)


def test_the_embedding_is_the_second_hidden_layer():
    net = AlexNet(TINY_2012, num_classes=3)
    assert (net.num_features, net.head_hidden_size) == (6, 5)
    assert net.embed(torch.randn(2, 3, 80, 99)).shape == (2, 5)


def test_dropout_follows_both_hidden_layers():
    net = create_model("alexnet_nano", drop_rate=0.4)
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.4, 0.4]


@pytest.mark.parametrize(("name", "least"), [("alexnet", 63), ("alexnet_2012", 67), ("alexnet_nano", 15)])
def test_the_smallest_image_leaves_one_place(name, least):
    spec = PRESETS[name] if name in PRESETS else ARCHITECTURE.ours[name]
    with torch.device("meta"):
        net = AlexNet(spec)
        assert net.forward_features(torch.empty(1, 3, least, least)).shape[2:] == (1, 1)
        with pytest.raises(ImageSizeError, match=rf"from {least} pixels: got {least - 1} x 300. .* is {least} x 300"):
            net(torch.empty(1, 3, least - 1, 300))


def test_there_are_five_convolutions_and_their_widths_divide_among_the_towers():
    with pytest.raises(SpecError) as error:
        AlexNetSpec(widths=(8, 8))
    assert str(error.value) == "AlexNet has five convolutions: got 2 widths. Give five."
    with pytest.raises(SpecError) as error:
        AlexNetSpec(widths=(8, 8, 8, 9, 8), towers=2)
    assert str(error.value) == (
        "Towers have equal shares of the channels: got widths (8, 8, 8, 9, 8) and 2 towers. "
        "Choose widths that 2 divides."
    )
