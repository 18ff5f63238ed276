"""The feed-forward against its formula in float64; whole nets against timm's DeiT with the authors' feed-forward."""

import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import SpecError
from anmok.layers import TokenGrid
from anmok.zoo.localvit import LocalFeedForward, LocalViT, LocalViTBlock, LocalViTSpec, Pooling
from anmok.zoo.vit import SelfAttention
from localvit_parts import attention, compare, double, feed_forward, layer_norm, localise
from oracles import reference
from parity import scatter


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "host", "num_heads", "squeezed"),
    [
        ("localvit_tiny_patch16_224", "deit_tiny_patch16_224", 4, 4),
        ("localvit_tiny_se4_patch16_224", "deit_tiny_patch16_224", 4, 192),
        ("localvit_small_patch16_224", "deit_small_patch16_224", 8, 4),
    ],
)
def test_logits_equal_those_of_timms_host_with_the_authors_feed_forward(name, host, num_heads, squeezed, tmp_path):
    theirs = reference("timm").create_model(host, num_classes=10, num_heads=num_heads, img_size=(64, 96))
    for block in theirs.blocks:
        localise(block, theirs.embed_dim, 4, hidden=4 * theirs.embed_dim, squeezed=squeezed)
    scatter(theirs)
    tensors = {key.replace(".mlp.", ".conv."): tensor for key, tensor in theirs.state_dict().items()}
    compare(name, theirs, tensors, torch.randn(2, 3, 64, 96), tmp_path)


@pytest.mark.parametrize("squeezed", [0, 3])
def test_the_feed_forward_is_its_formula(squeezed):
    layer = double(LocalFeedForward(4, 10, squeezed))
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(layer(x), feed_forward(x, layer))


def test_a_block_attends_with_all_tokens_and_convolves_without_the_class_token():
    parts = nn.LayerNorm(6, eps=1e-6), SelfAttention(6, 2), LocalFeedForward(6, 12, 3)
    block = double(LocalViTBlock(*parts, drop_path=0.0))
    tokens = torch.randn(2, 1 + 12, 6).double()
    q, k, v = block.attention.qkv(layer_norm(tokens, block.norm)).split(6, dim=-1)
    tokens = tokens + block.attention.project(attention(q, k, v, 2))
    map = feed_forward(tokens[:, 1:].transpose(1, 2).unflatten(2, (3, 4)), block.feed_forward)
    expected = torch.cat((tokens[:, :1], map.flatten(2).transpose(1, 2)), dim=1)
    found = block(TokenGrid(tokens - block.attention.project(attention(q, k, v, 2)), 3, 4))
    torch.testing.assert_close(found.tokens, expected)


def test_stochastic_depth_drops_attention_and_never_the_feed_forward():
    block = LocalViTBlock(nn.LayerNorm(4), SelfAttention(4, 1), LocalFeedForward(4, 8, 2), drop_path=0.999999)
    x = TokenGrid(torch.randn(3, 1 + 6, 4), 2, 3)
    found = block(x)
    assert torch.equal(found.tokens[:, 0], x.tokens[:, 0])
    assert not torch.equal(found.tokens[:, 1:], x.tokens[:, 1:])


@pytest.mark.parametrize("pooling", Pooling)
def test_only_the_mean_lets_the_last_feed_forward_reach_the_logits(pooling):
    model = LocalViT(LocalViTSpec(patch=4, width=8, depth=2, num_heads=2, pooling=pooling, img_size=(16, 16)))
    model(torch.randn(2, 3, 16, 16)).square().sum().backward()
    reached = [block.feed_forward.branch.reduce.weight.grad.any().item() for block in model.stages]
    assert reached == [True, pooling is Pooling.MEAN]


def test_squeeze_and_excitation_starts_as_linear_layers_do():
    excite = LocalFeedForward(32, 128, 64).branch.excite
    assert 0.015 < excite.reduce.weight.std() < 0.025
    assert not excite.expand.bias.any()


def test_position_embeddings_of_a_file_are_resampled(tmp_path):
    torch.save(create_model("localvit_nano", num_classes=10).state_dict(), tmp_path / "nano.pth")
    model = create_model("localvit_nano", num_classes=10, img_size=48, pretrained=tmp_path / "nano.pth")
    assert model.stem.positions.shape == (1, 1 + 12 * 12, model.num_features)


def test_heads_share_the_width_evenly():
    with pytest.raises(SpecError) as error:
        LocalViTSpec(patch=4, width=10, depth=1, num_heads=3)
    assert str(error.value) == (
        "Attention splits its width evenly among heads: got width 10 and 3 heads. Choose a width that 3 divides."
    )
