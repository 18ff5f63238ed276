"""Blocks against equations in float64; the whole net against one of timm's attention and the authors' feed-forward."""

import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import SpecError
from anmok.layers import TokenGrid
from anmok.zoo.localvit_pvt import LocalPVTBlock, LocalPVTSpec, SpatialReductionAttention
from localvit_parts import LocalChange, attention, compare, double, feed_forward, layer_norm
from oracles import reference
from parity import scatter


class Block(nn.Module):
    def __init__(self, attention, width, expansion, height):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = attention
        self.conv = LocalChange(width, expansion * width, expansion, height)

    def forward(self, x, grid):
        x = x + self.attn(self.norm1(x), grid)
        return x + self.conv(x)


class PVT(nn.Module):
    """PVT-Tiny under its authors' names; its attention is that of timm's PVT v2, the same without pooling."""

    def __init__(self, height, width):
        super().__init__()
        attend = reference("timm.models.pvt_v2").Attention
        self.grids = [(height // stride, width // stride) for stride in (4, 8, 16, 32)]
        before = 3
        for i, (c, heads, ratio, expansion) in enumerate(
            zip((64, 128, 320, 512), (1, 2, 5, 8), (8, 4, 2, 1), (8, 8, 4, 4), strict=True)
        ):
            rows, columns = self.grids[i]
            side = 2 if i else 4
            embed = nn.ModuleDict({"proj": nn.Conv2d(before, c, side, side), "norm": nn.LayerNorm(c)})
            setattr(self, f"patch_embed{i + 1}", embed)
            setattr(self, f"pos_embed{i + 1}", nn.Parameter(torch.zeros(1, rows * columns + i // 3, c)))
            blocks = [Block(attend(c, heads, sr_ratio=ratio), c, expansion, rows) for _ in range(2)]
            setattr(self, f"block{i + 1}", nn.ModuleList(blocks))
            before = c
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 512))
        self.norm = nn.LayerNorm(512, eps=1e-6)
        self.head = nn.Linear(512, 10)

    def forward(self, x):
        for i, grid in enumerate(self.grids):
            embed = getattr(self, f"patch_embed{i + 1}")
            x = embed["norm"](embed["proj"](x).flatten(2).transpose(1, 2))
            if i == 3:
                x = torch.cat((self.cls_token.expand(len(x), 1, 512), x), dim=1)
            x = x + getattr(self, f"pos_embed{i + 1}")
            for block in getattr(self, f"block{i + 1}"):
                x = block(x, grid)
            if i < 3:
                x = x.transpose(1, 2).unflatten(2, grid)
        return self.head(self.norm(x)[:, 0])


@pytest.mark.oracle
def test_logits_equal_those_of_the_host_with_the_authors_feed_forward(tmp_path):
    theirs = PVT(64, 96)
    scatter(theirs)
    compare("localvit_pvt_tiny", theirs, theirs.state_dict(), torch.randn(2, 3, 64, 96), tmp_path)


def test_keys_and_values_are_of_a_coarser_map():
    layer = double(SpatialReductionAttention(6, 2, 2))
    tokens = torch.randn(2, 24, 6).double()
    map = tokens.transpose(1, 2).unflatten(2, (4, 6))
    blocks = map.unfold(2, 2, 2).unfold(3, 2, 2)
    coarse = torch.einsum("bchwij,ocij->bohw", blocks, layer.coarsen.weight) + layer.coarsen.bias[:, None, None]
    coarse = layer_norm(coarse.flatten(2).transpose(1, 2), layer.norm)
    k, v = layer.kv(coarse).split(6, dim=-1)
    expected = layer.project(attention(layer.q(tokens), k, v, 2))
    torch.testing.assert_close(layer(TokenGrid(tokens, 4, 6)), expected)


def test_without_reduction_the_class_token_is_a_key_too():
    numbers = {"widths": (4,), "depths": (1,), "num_heads": (1,), "reductions": (1,), "expansions": (2,)}
    block = double(LocalPVTBlock(LocalPVTSpec(**numbers, squeezed=(3,)), 0, drop_path=0.0))
    tokens = torch.randn(2, 1 + 6, 4).double()
    normed = layer_norm(tokens, block.norm)
    k, v = block.attention.kv(normed).split(4, dim=-1)
    y = tokens + block.attention.project(attention(block.attention.q(normed), k, v, 1))
    map = feed_forward(y[:, 1:].transpose(1, 2).unflatten(2, (2, 3)), block.feed_forward)
    expected = torch.cat((y[:, :1], map.flatten(2).transpose(1, 2)), dim=1)
    torch.testing.assert_close(block(TokenGrid(tokens, 2, 3)).tokens, expected)


def test_position_embeddings_of_every_stage_are_resampled(tmp_path):
    torch.save(create_model("localvit_pvt_nano", num_classes=10).state_dict(), tmp_path / "nano.pth")
    model = create_model("localvit_pvt_nano", num_classes=10, img_size=(48, 64), pretrained=tmp_path / "nano.pth")
    sizes = [model.stem.positions.shape[1], *(stage.embed.positions.shape[1] for stage in model.stages[1:])]
    assert sizes == [24 * 32, 12 * 16, 6 * 8 + 1]


def test_stages_agree_in_number():
    with pytest.raises(SpecError) as error:
        LocalPVTSpec(
            widths=(8, 8), depths=(1,), num_heads=(1, 1), reductions=(2, 1), expansions=(4, 4), squeezed=(4, 4)
        )
    assert str(error.value) == (
        "Every stage has a number in widths and depths and num_heads and reductions and expansions and squeezed: "
        "got 2 and 1 and 2 and 2 and 2 and 2. Make the lengths equal and positive."
    )
