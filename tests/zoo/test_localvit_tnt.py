"""Blocks against equations in float64; the whole net against timm's TNT with the authors' feed-forward."""

import pytest
import torch

from anmok.catalogue import create_model
from anmok.errors import SpecError, WeightsError
from anmok.zoo.localvit_tnt import InnerBlock, LocalTNTBlock, LocalTNTSpec, NestedTokens
from localvit_parts import attention, compare, double, feed_forward, layer_norm, localise
from oracles import reference
from parity import scatter

SPEC = LocalTNTSpec(patch=4, pixel=2, width=8, pixel_width=6, depth=2, num_heads=2, pixel_heads=3, img_size=(8, 12))


@pytest.mark.oracle
def test_logits_equal_those_of_timms_host_with_the_authors_feed_forward(tmp_path):
    theirs = reference("timm").create_model(
        "tnt_s_legacy_patch16_224",
        num_classes=10,
        embed_dim=192,
        inner_dim=12,
        num_heads_outer=3,
        num_heads_inner=3,
        img_size=(64, 96),
    )
    for block in theirs.blocks:
        localise(block, 192, 4, hidden=768, squeezed=4)
    scatter(theirs)
    tensors = {key.replace(".mlp.", ".conv."): tensor for key, tensor in theirs.state_dict().items()}
    compare("localvit_tnt_t_patch16_224", theirs, tensors, torch.randn(2, 3, 64, 96), tmp_path)


def test_pixels_attend_inside_their_patch():
    block = double(InnerBlock(6, 3, expansion=2, drop_path=0.0))
    x = torch.randn(5, 4, 6).double()
    q, k, v = block.attention.qkv(layer_norm(x, block.norm1)).split(6, dim=-1)
    y = x + block.attention.project(attention(q, k, v, 3))
    torch.testing.assert_close(block(x), y + block.mlp(layer_norm(y, block.norm2)))


def test_a_block_adds_the_pixels_of_each_patch_to_its_token():
    block = double(LocalTNTBlock(SPEC, 0.0))
    tokens, pixels = torch.randn(2, 1 + 6, 8).double(), torch.randn(2 * 6, 4, 6).double()
    inner = block.inner(pixels)
    y = tokens.clone()
    for b in range(2):
        for i in range(6):
            words = layer_norm(inner[6 * b + i], block.norm).flatten()
            y[b, 1 + i] += block.project.weight @ words + block.project.bias
    q, k, v = block.outer.attention.qkv(layer_norm(y, block.outer.norm)).split(8, dim=-1)
    y = y + block.outer.attention.project(attention(q, k, v, 2))
    map = feed_forward(y[:, 1:].transpose(1, 2).unflatten(2, (2, 3)), block.outer.feed_forward)
    found = block(NestedTokens(tokens, 2, 3, pixels))
    torch.testing.assert_close(found.pixels, inner)
    torch.testing.assert_close(found.tokens, torch.cat((y[:, :1], map.flatten(2).transpose(1, 2)), dim=1))


def test_a_patch_is_a_whole_number_of_pixels_wide():
    with pytest.raises(SpecError) as error:
        LocalTNTSpec(patch=16, pixel=3, width=8, pixel_width=4, depth=1, num_heads=1, pixel_heads=1)
    assert str(error.value) == (
        "A patch is a whole number of inner pixels wide: got patch=16 and pixel=3. Choose a patch that 3 divides."
    )


def test_any_stage_may_be_the_last():
    model = create_model("localvit_tnt_nano", num_classes=10).eval()
    tokens, maps = model.forward_intermediates(torch.randn(1, 3, 32, 32), indices=[1], stop_early=True)
    assert tokens.shape == (1, 17, 128)
    assert maps[0].shape == (1, 128, 4, 4)


def test_a_file_without_values_is_refused(tmp_path):
    torch.save(
        {"pixel_embed.proj.bias": torch.zeros(12), "blocks.0.attn_in.qk.weight": torch.eye(2)}, tmp_path / "a.pth"
    )
    with pytest.raises(
        WeightsError, match=r"does not fit this LocalTNT: it lacks .*unknown 'stages.0.inner.attention.qk"
    ):
        create_model("localvit_tnt_nano", pretrained=tmp_path / "a.pth")
