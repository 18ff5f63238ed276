"""The blocks against the paper's equations, written out in float64."""

import math

import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import SpecError
from anmok.layers import TokenGrid
from anmok.zoo.cmt import CMTBlock, CMTSpec, InvertedFeedForward, LightAttention, RelativeBias, resample_bias


def depthwise(x, conv):
    """3 x 3 cross-correlation of each channel, as a sum of nine shifted images."""
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    height, width = x.shape[2:]
    shifted = (
        conv.weight[:, 0, i, j, None, None] * padded[:, :, i : i + height, j : j + width]
        for i in range(3)
        for j in range(3)
    )
    return sum(shifted) + conv.bias[:, None, None]


def standardise(x, norm):
    """Batch norm with the batch's own statistics."""
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (variance + norm.eps).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]


def mix(x, conv):
    """1 x 1 convolution."""
    return torch.einsum("oc,bchw->bohw", conv.weight[:, :, 0, 0], x) + conv.bias[:, None, None]


def gelu(x):
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def layer_norm(tokens, norm):
    mean, variance = tokens.mean(-1, keepdim=True), tokens.var(-1, keepdim=True, unbiased=False)
    return (tokens - mean) / (variance + norm.eps).sqrt() * norm.weight + norm.bias


def feed_forward(x, layer):
    x = standardise(gelu(mix(x, layer.expand.conv)), layer.expand.norm)
    x = standardise(gelu(x + depthwise(x, layer.mix_space)), layer.norm)
    return standardise(mix(x, layer.reduce.conv), layer.reduce.norm)


def attention(tokens, grid, layer, bias):
    """Eq. 2 and 3 with one head per slice of channels and keys of every k x k places."""
    k, (height, width) = layer.reduction, grid
    x = tokens.transpose(1, 2).unflatten(2, (height, width))
    blocks = x.unfold(2, k, k).unfold(3, k, k)
    coarse = torch.einsum("bchwij,cij->bchw", blocks, layer.coarsen.conv.weight[:, 0])
    coarse = standardise(coarse + layer.coarsen.conv.bias[:, None, None], layer.coarsen.norm)
    coarse = coarse.flatten(2).transpose(1, 2)
    q, keys, values = layer.q(tokens), layer.k(coarse), layer.v(coarse)
    each = tokens.shape[2] // layer.num_heads
    mixed = [
        (q[..., s] @ keys[..., s].transpose(1, 2) / math.sqrt(each) + bias[head]).softmax(-1) @ values[..., s]
        for head, s in enumerate(slice(i, i + each) for i in range(0, tokens.shape[2], each))
    ]
    return layer.project(torch.cat(mixed, dim=-1))


def scattered(module):
    for parameter in module.parameters():
        parameter.data.normal_()
    return module.double()


def test_the_feed_forward_is_that_of_the_authors():
    layer = scattered(InvertedFeedForward(4, 10))
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(layer(x), feed_forward(x, layer))


def test_light_attention_is_equation_three():
    layer = scattered(LightAttention(6, 3, 2))
    tokens, bias = torch.randn(2, 24, 6).double(), torch.randn(3, 24, 6).double()
    expected = attention(tokens, (4, 6), layer, bias)
    torch.testing.assert_close(layer(TokenGrid(tokens, 4, 6), bias).tokens, expected)


def test_a_block_is_equations_six_and_seven():
    block = scattered(CMTBlock(4, 2, 2, hidden=9, drop_path=0.0))
    x, bias = torch.randn(2, 4, 4, 4).double(), torch.randn(2, 16, 4).double()
    y = x + depthwise(x, block.perceive)
    tokens = layer_norm(y.flatten(2).transpose(1, 2), block.norm1)
    y = y + attention(tokens, (4, 4), block.attention, bias).transpose(1, 2).unflatten(2, (4, 4))
    normed = layer_norm(y.flatten(2).transpose(1, 2), block.norm2).transpose(1, 2).unflatten(2, (4, 4))
    torch.testing.assert_close(block(x, bias), y + feed_forward(normed, block.feed_forward))


def test_keys_of_a_map_that_does_not_divide_are_of_the_padded_map():
    layer = LightAttention(4, 2, 4)
    bias = RelativeBias(2, (5, 6), 4)((5, 6))
    assert bias.shape == (2, 30, 4)
    assert layer(TokenGrid(torch.randn(2, 30, 4), 5, 6), bias).tokens.shape == (2, 30, 4)


def test_biases_are_resampled_along_both_grids():
    # A bias that is linear in the query's row and the key's column stays so away from the borders.
    rows, columns = torch.arange(16.0), torch.arange(8.0)
    table = (rows[:, None, None, None] + 10 * columns).expand(16, 16, 8, 8).reshape(1, 256, 64)
    resampled = resample_bias(table, 2, (16, 16), (32, 32)).reshape(32, 32, 16, 16)
    inside = resampled[8:24, 8:24, 4:12, 4:12]
    torch.testing.assert_close(inside.diff(dim=0), torch.full((15, 16, 8, 8), 0.5), atol=1e-3, rtol=0)
    torch.testing.assert_close(inside.diff(dim=3), torch.full((16, 16, 8, 7), 5.0), atol=1e-2, rtol=0)
    assert inside.diff(dim=1).abs().max() < 1e-3
    assert resample_bias(table, 2, (16, 16), (16, 16)) is table


def test_constant_biases_stay_constant_on_every_grid():
    table = torch.full((2, 48, 12), 0.7)
    torch.testing.assert_close(resample_bias(table, 2, (6, 8), (3, 11)), torch.full((2, 33, 12), 0.7))


def test_a_model_built_for_a_size_has_the_biases_of_that_size():
    model = create_model("cmt_tiny", num_classes=10, img_size=224)
    assert model.stages[0].bias.table.shape == (1, 56 * 56, 7 * 7)
    # zoo table: 9,492,426 at 160 px and 9,705,546 at 224 px, both with 1000 classes
    assert sum(p.numel() for p in model.parameters()) == 9_705_546 - 1281 * 990


def test_stages_agree_in_number():
    with pytest.raises(SpecError) as error:
        CMTSpec(stem_width=8, widths=(8, 16), depths=(1,), expansion=4.0)
    assert str(error.value) == (
        "Every stage has a number in widths and depths and num_heads and reductions: got 2 and 1 and 4 and 4. "
        "Make the lengths equal and positive."
    )
    with pytest.raises(SpecError, match="got width 10 and 3 heads"):
        CMTSpec(stem_width=8, widths=(10,), depths=(1,), num_heads=(3,), reductions=(1,), expansion=4.0)
