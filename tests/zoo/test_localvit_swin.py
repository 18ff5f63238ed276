"""The block against equations in float64; the whole net against timm's Swin with the authors' feed-forward."""

import re

import pytest
import torch
from einops import rearrange

from anmok.layers import TokenGrid
from anmok.zoo.localvit_swin import LocalSwinBlock, LocalSwinSpec
from anmok.zoo.swin import Windows
from localvit_parts import compare, double, feed_forward, layer_norm, localise
from oracles import reference
from parity import scatter


def authors_name(name):
    name = re.sub(r"^layers\.(\d)\.downsample\.", lambda m: f"layers.{int(m[1]) - 1}.downsample.", name)
    return name.replace(".mlp.", ".conv.").replace("head.fc.", "head.")


@pytest.mark.oracle
def test_logits_equal_those_of_timms_host_with_the_authors_feed_forward(tmp_path):
    timm = reference("timm")
    theirs = timm.create_model("swin_tiny_patch4_window7_224", num_classes=10, drop_path_rate=0.0)
    for stage in theirs.layers:
        for block in stage.blocks:
            localise(block, block.dim, block.input_resolution[0], hidden=4 * block.dim, squeezed=16)
    scatter(theirs)
    tensors = {authors_name(key): tensor for key, tensor in theirs.state_dict().items()}
    tensors["layers.0.blocks.1.attn_mask"] = torch.zeros(64, 49, 49)
    compare("localvit_swin_tiny_patch4_window7_224", theirs, tensors, torch.randn(1, 3, 224, 224), tmp_path)


def test_a_block_attends_inside_windows_and_convolves_across_them():
    spec = LocalSwinSpec(width=8, depths=(2,), num_heads=(2,), window=2, squeezed=3, img_size=(16, 16))
    block = double(LocalSwinBlock(spec, 0, shifted=True, drop_path=0.0))
    tokens = torch.randn(2, 16, 8).double()
    windows = Windows(4, 4, 2, shifted=True)
    cut = windows.cut(rearrange(layer_norm(tokens, block.norm), "b (h w) d -> b h w d", h=4))
    y = tokens + windows.join(block.attention(cut, windows)).flatten(1, 2)
    map = feed_forward(y.transpose(1, 2).unflatten(2, (4, 4)), block.feed_forward)
    torch.testing.assert_close(block(TokenGrid(tokens, 4, 4)).tokens, map.flatten(2).transpose(1, 2))
