import math

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import SpecError
from anmok.zoo.convnext import ConvNeXt, ConvNeXtBlock, ConvNeXtSpec
from oracles import reference
from parity import answers, relative_error, scatter

# Two blocks, four pixels to a patch, a grid of equal width: small enough for float64.
ISOTROPIC = ConvNeXtSpec(
    depths=(1, 1), widths=(6, 6), patch=4, kernel=3, halve=False, stem_norm=False, layer_scale=None, img_size=(16, 16)
)


def norm(x, layer):
    """Layer norm over the last axis."""
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / (variance + layer.eps).sqrt() * layer.weight + layer.bias


def block(x, layer):
    """The block on (b, h, w, c), written out: 3 x 3 sums per channel, norm, two matrices with GELU between."""
    conv, (first, _, second) = layer.mix_space, layer.mix_channels
    height, width = x.shape[1:3]
    padded = nn.functional.pad(x, (0, 0, 1, 1, 1, 1))
    shifted = (padded[:, i : i + height, j : j + width] * conv.weight[:, 0, i, j] for i in range(3) for j in range(3))
    y = norm(sum(shifted) + conv.bias, layer.norm) @ first.weight.T + first.bias
    y = y * (1 + torch.erf(y / math.sqrt(2))) / 2
    return x + y @ second.weight.T + second.bias


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["convnext_atto", "convnext_femto", "convnext_tiny"])
def test_logits_equal_timms(name, check_parity):
    check_parity(name, 96, 130)


@pytest.mark.oracle
def test_logits_equal_torchvisions(tmp_path):
    theirs = reference("torchvision").models.convnext_tiny(num_classes=10, stochastic_depth_prob=0.0)
    scatter(theirs)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = create_model("convnext_tiny", num_classes=10, pretrained=tmp_path / "theirs.pth")
    images = torch.randn(1, 3, 70, 64)
    for logits, expected in answers(ours, theirs, images):
        assert relative_error(logits, expected) < 1e-5


@pytest.mark.oracle
def test_logits_equal_those_of_transformers_and_of_the_authors_names(tmp_path):
    transformers = reference("transformers")
    theirs = transformers.ConvNextForImageClassification(transformers.ConvNextConfig(num_labels=10))
    scatter(theirs)
    images = torch.randn(1, 3, 64, 96)
    expected = theirs.eval()(images).logits
    for name, tensors in (("transformers", theirs.state_dict()), ("authors", authors_names(theirs.state_dict()))):
        torch.save({"model": tensors}, tmp_path / f"{name}.pth")
        ours = create_model("convnext_tiny", num_classes=10, pretrained=tmp_path / f"{name}.pth").eval()
        assert relative_error(ours(images), expected) < 1e-5, name


def authors_names(tensors):
    """What transformers' conversion script reads, from what it writes."""
    renames = (
        ("convnext.embeddings.patch_embeddings.", "downsample_layers.0.0."),
        ("convnext.embeddings.layernorm.", "downsample_layers.0.1."),
        *((f"convnext.encoder.stages.{i}.downsampling_layer.", f"downsample_layers.{i}.") for i in range(1, 4)),
        *((f"convnext.encoder.stages.{i}.layers.", f"stages.{i}.") for i in range(4)),
        ("convnext.layernorm.", "norm."),
        ("layer_scale_parameter", "gamma"),
        ("layernorm", "norm"),
        ("classifier.", "head."),
    )
    renamed = {}
    for name, tensor in tensors.items():
        for ours, other in renames:
            name = name.replace(ours, other)
        renamed[name] = tensor
    return renamed


def test_an_isotropic_net_is_patches_then_blocks_then_the_normed_mean():
    net = ConvNeXt(ISOTROPIC, num_classes=5).double()
    scatter(net)
    images = torch.randn(2, 3, 12, 16, dtype=torch.float64)
    patches = images.unfold(2, 4, 4).unfold(3, 4, 4)  # b c h w 4 4
    project = net.stem.project
    x = torch.einsum("bchwij,dcij->bhwd", patches, project.weight) + project.bias
    for stage, found in zip(net.stages, net.feature_maps(images), strict=True):
        x = block(x, stage.blocks[0])
        torch.testing.assert_close(found, x.permute(0, 3, 1, 2))
    embedding = norm(x.mean((1, 2)), net.pool.norm)
    torch.testing.assert_close(net(images), embedding @ net.head.weight.T + net.head.bias)


@pytest.mark.parametrize("scaled", [False, True])
def test_isotropic_files_of_the_authors_are_read_and_their_layer_scale_is_absorbed(tmp_path, scaled):
    net = create_model("convnext_isotropic_small", num_classes=5).eval()
    scatter(net)
    tensors = {"stem.weight": net.stem.project.weight, "stem.bias": net.stem.project.bias}
    for i, stage in enumerate(net.stages):
        parts = {"dwconv": "mix_space", "norm": "norm", "pwconv1": "mix_channels.0", "pwconv2": "mix_channels.2"}
        for theirs, ours in parts.items():
            part = stage.blocks[0].get_submodule(ours)
            tensors |= {f"blocks.{i}.{theirs}.{key}": value for key, value in part.state_dict().items()}
        if scaled:  # what the gains take from the branch, the matrix before them had more of
            gain = torch.linspace(0.5, 2.0, 384)
            tensors[f"blocks.{i}.gamma"] = gain
            tensors[f"blocks.{i}.pwconv2.weight"] = tensors[f"blocks.{i}.pwconv2.weight"] / gain[:, None]
            tensors[f"blocks.{i}.pwconv2.bias"] = tensors[f"blocks.{i}.pwconv2.bias"] / gain
    tensors |= {f"norm.{key}": value for key, value in net.pool.norm.state_dict().items()}
    tensors |= {f"head.{key}": value for key, value in net.head.state_dict().items()}
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, tmp_path / "theirs.safetensors")
    again = create_model("convnext_isotropic_small", num_classes=5, pretrained=tmp_path / "theirs.safetensors").eval()
    images = torch.randn(1, 3, 48, 80)
    assert relative_error(again(images), net(images)) < 1e-5
    assert len(again.feature_maps(images)) == 18


def test_a_block_starts_as_nearly_the_identity_and_its_gain_scales_the_branch():
    x = torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(ConvNeXtBlock(8, kernel=5, layer_scale=1e-6, drop_path=0.0)(x), x, atol=1e-4, rtol=0)
    layer = ConvNeXtBlock(8, kernel=5, layer_scale=1.0, drop_path=0.0)
    change = layer(x) - x
    layer.gain.data.fill_(0.5)
    torch.testing.assert_close(layer(x) - x, change / 2, atol=1e-6, rtol=1e-4)


def test_each_stage_has_a_width():
    with pytest.raises(SpecError) as error:
        ConvNeXtSpec(depths=(1,), widths=(8, 16))
    assert str(error.value) == (
        "Every stage has a number in depths and widths: got 1 and 2. Make the lengths equal and positive."
    )


def test_an_isotropic_net_keeps_its_width():
    with pytest.raises(SpecError) as error:
        ConvNeXtSpec(depths=(1, 1), widths=(8, 16), halve=False)
    assert str(error.value) == ("Stages that do not halve the map keep its width: got widths=(8, 16). Make them equal.")
