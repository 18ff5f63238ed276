import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d

from anmok.catalogue import create_model, require_model
from anmok.errors import ImageSizeError, RequestError, SpecError
from anmok.zoo.densenet import DenseBlock, DenseNetSpec
from oracles import reference
from parity import relative_error, scatter


def normed(x, norm):
    """Batch norm with the batch's own statistics, rectified."""
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
    y = (x - mean) / (variance + norm.eps).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]
    return y.clamp(min=0)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "size"), [("densenet121", (64, 96)), ("densenet161", (65, 50))])
def test_logits_equal_timms(name, size, check_parity):
    check_parity(name, *size)


@pytest.mark.oracle
def test_the_finest_and_last_feature_maps_are_timms(tmp_path):
    theirs = reference("timm").create_model("densenet121", num_classes=10).eval()
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    ours = create_model("densenet121", num_classes=10, pretrained=tmp_path / "theirs.safetensors").eval()
    images = torch.randn(1, 3, 64, 64)
    expected = theirs.forward_intermediates(images, indices=[1, 2, 3, 4], intermediates_only=True)
    for found, other in zip(ours.feature_maps(images), expected, strict=True):
        assert relative_error(found, other) < 1e-5
    assert relative_error(ours.forward_features(images), theirs.forward_features(images)) < 1e-5


@pytest.mark.oracle
@pytest.mark.parametrize("old", [False, True])
def test_torchvisions_files_are_read_old_and_new(tmp_path, old):
    theirs = reference("torchvision").models.densenet121(num_classes=10).eval()
    scatter(theirs)
    tensors = theirs.state_dict()
    if old:  # as stored on torchvision's server: dots in the names of layers, no counters of batches
        for n in "12":
            tensors = {
                k.replace(f".norm{n}.", f".norm.{n}.").replace(f".conv{n}.", f".conv.{n}."): v
                for k, v in tensors.items()
            }
        tensors = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}
        assert "features.denseblock4.denselayer16.norm.2.running_var" in tensors
    torch.save(tensors, tmp_path / "theirs.pth")
    ours = create_model("densenet121", num_classes=10, pretrained=tmp_path / "theirs.pth").eval()
    images = torch.randn(1, 3, 64, 64)
    assert relative_error(ours(images), theirs(images)) < 1e-5


def test_a_block_with_bottlenecks_is_equation_two():
    block = create_model("cifar_densenet_bc100_k12").double().stages[0].block[:3]
    assert isinstance(block, DenseBlock)
    x = torch.randn(2, 24, 5, 6, dtype=torch.float64)
    maps = [x]
    for layer in block:
        y = normed(torch.cat(maps, dim=1), layer.norm1)
        y = torch.einsum("oc,bchw->bohw", layer.conv1.weight[:, :, 0, 0], y)
        maps.append(conv2d(normed(y, layer.norm2), layer.conv2.weight, padding=1))
    assert [m.shape[1] for m in maps] == [24, 12, 12, 12]
    torch.testing.assert_close(block(x), torch.cat(maps, dim=1))


def test_a_plain_block_has_one_convolution_per_layer_and_its_transition_keeps_all_channels():
    net = create_model("cifar_densenet40_k12", num_classes=10).double()
    block, transition = net.stages[0].block, net.stages[1].transition
    assert len(block) == 12
    x = torch.randn(2, 16, 8, 8, dtype=torch.float64)
    expected = torch.cat((x, conv2d(normed(x, block[0].norm1), block[0].conv1.weight, padding=1)), dim=1)
    torch.testing.assert_close(block[:1](x), expected)
    y = torch.randn(2, 160, 8, 8, dtype=torch.float64)
    mixed = torch.einsum("oc,bchw->bohw", transition.conv.weight[:, :, 0, 0], normed(y, transition.norm))
    assert mixed.shape[1] == 160
    torch.testing.assert_close(transition(y), avg_pool2d(mixed, 2))


@pytest.mark.parametrize(
    ("name", "layers"),
    [("cifar_densenet40_k12", 40), ("cifar_densenet_bc100_k12", 100), ("densenet201", 201), ("densenet264", 265)],
)
def test_a_net_has_as_many_layers_as_its_name_says_but_for_the_papers_264(name, layers):
    with torch.device("meta"):
        net = create_model(name)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == layers


def test_the_smallest_size_leaves_one_place_and_below_it_is_an_error():
    net = create_model("densenet_nano").eval()
    assert net.feature_maps(torch.randn(1, 3, 15, 16))[-1].shape[2:] == (1, 1)
    with pytest.raises(ImageSizeError, match=r"from 15 pixels: got 14 x 40. The nearest size that works is 15 x 40"):
        net(torch.randn(1, 3, 14, 40))
    assert require_model("densenet121").spec.image_sizes.minimum == 29  # as torchvision says


def test_a_transition_keeps_a_share():
    with pytest.raises(SpecError) as error:
        DenseNetSpec(depths=(1,), growth=4, stem_width=8, compression=0)
    assert str(error.value) == (
        "A transition keeps a share of the channels: got compression=0. Choose one above 0 and up to 1."
    )


def test_there_is_no_branch_to_drop():
    with pytest.raises((SpecError, RequestError), match="densenet121 has no residual branch to drop"):
        create_model("densenet121", drop_path_rate=0.1)


def test_a_scaled_net_has_longer_blocks_and_more_channels_per_layer():
    spec = require_model("densenet121").spec
    assert spec.scaled() == spec
    wider = spec.scaled(depth=1.2, width=1.1, resolution=1.15)
    assert (wider.depths, wider.growth, wider.stem_width) == ((8, 15, 29, 20), 36, 72)
    assert wider.img_size == (256, 256)
