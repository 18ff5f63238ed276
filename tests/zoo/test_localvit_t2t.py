"""Parts against equations in float64; the whole net against timm's blocks and the authors' Performers."""

import math

import pytest
import torch
from torch import nn

from anmok.catalogue import card, create_model
from anmok.errors import SpecError, WeightsError
from anmok.layers import TokenGrid
from anmok.zoo.localvit_t2t import LocalT2TSpec, Performer, SoftSplit, sinusoids
from localvit_parts import LocalChange, compare, double, feed_forward, layer_norm, localise
from oracles import reference
from parity import scatter


class TokenPerformer(nn.Module):
    """The authors' names; attention by the whole matrix of estimated weights."""

    def __init__(self, width_in, width, height):
        super().__init__()
        self.norm1 = nn.LayerNorm(width_in)
        self.norm2 = nn.LayerNorm(width)  # stored and never used
        self.kqv = nn.Linear(width_in, 3 * width)
        self.proj = nn.Linear(width, width)
        self.w = nn.Parameter(nn.init.orthogonal_(torch.empty(width // 2, width)) * math.sqrt(width // 2))
        self.conv = LocalChange(width, width, 0, height)
        nn.init.normal_(self.kqv.weight, std=0.02)  # as trained from: large exponents would magnify rounding

    def forward(self, x):
        k, q, v = self.kqv(self.norm1(x)).chunk(3, dim=-1)
        weights = estimated_kernel(q, k, self.w)
        y = v + self.proj(weights @ v / (weights.sum(-1, keepdim=True) + 1e-8))
        return y + self.conv(y)


def estimated_kernel(q, k, w):
    q, k = (torch.exp(x @ w.T - (x**2).sum(-1, keepdim=True) / 2) / math.sqrt(len(w)) for x in (q, k))
    return q @ k.transpose(1, 2)


class T2T(nn.Module):
    def __init__(self, height, width):
        super().__init__()
        block = reference("timm.models.vision_transformer").Block
        self.rows = height // 4
        self.tokens_to_token = nn.ModuleDict(
            {
                "attention1": TokenPerformer(147, 64, height // 4),
                "attention2": TokenPerformer(576, 64, height // 8),
                "project": nn.Linear(576, 256),
            }
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 256))
        self.pos_embed = nn.Parameter(sinusoids(1 + (height // 16) * (width // 16), 256))
        self.blocks = nn.ModuleList(block(256, 4) for _ in range(7))
        for part in self.blocks:
            localise(part, 256, height // 16, hidden=512, squeezed=4)
        self.norm = nn.LayerNorm(256)
        self.head = nn.Linear(256, 10)

    def forward(self, x):
        parts, unfold = self.tokens_to_token, nn.functional.unfold
        x = parts["attention1"](unfold(x, 7, stride=4, padding=2).transpose(1, 2))
        x = x.transpose(1, 2).unflatten(2, (self.rows, -1))
        x = parts["attention2"](unfold(x, 3, stride=2, padding=1).transpose(1, 2))
        x = x.transpose(1, 2).unflatten(2, (self.rows // 2, -1))
        x = parts["project"](unfold(x, 3, stride=2, padding=1).transpose(1, 2))
        x = torch.cat((self.cls_token.expand(len(x), 1, 256), x), dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


@pytest.mark.oracle
def test_logits_equal_those_of_the_host_with_the_authors_feed_forward(tmp_path):
    torch.manual_seed(0)
    theirs = T2T(64, 96)
    scatter(theirs)
    tensors = {key.replace(".mlp.", ".conv."): tensor for key, tensor in theirs.state_dict().items()}
    compare("localvit_t2t_7", theirs, tensors, torch.randn(2, 3, 64, 96), tmp_path)


def test_a_performer_is_attention_by_an_estimated_kernel():
    layer = double(Performer(6, 4))
    tokens = torch.randn(2, 12, 6).double()
    k, q, v = layer.kqv(layer_norm(tokens, layer.norm)).split(4, dim=-1)
    weights = estimated_kernel(q, k, layer.directions)
    y = v + layer.project(weights @ v / (weights.sum(-1, keepdim=True) + 1e-8))
    expected = feed_forward(y.transpose(1, 2).unflatten(2, (3, 4)), layer.feed_forward)
    torch.testing.assert_close(layer(TokenGrid(tokens, 3, 4)), expected)


def test_many_directions_estimate_the_exponential():
    x, y = torch.randn(2, 1, 4).double() / 2
    layer = Performer(8, 4).double()
    layer.directions = torch.randn(200_000, 4, generator=torch.Generator().manual_seed(0)).double()
    estimate = (layer._features(x[None]) * layer._features(y[None])).sum()
    torch.testing.assert_close(estimate, (x * y).sum().exp(), rtol=0.03, atol=0)


def test_a_soft_split_overlaps_and_pads():
    map = torch.arange(1.0, 21.0).reshape(1, 1, 4, 5)
    tokens, height, width = SoftSplit(3, 2)(map)
    assert (height, width) == (2, 3)
    assert tokens[0, 0].tolist() == [0, 0, 0, 0, 1, 2, 0, 6, 7]
    assert tokens[0, 4].tolist() == [7, 8, 9, 12, 13, 14, 17, 18, 19]
    assert tokens[0, 5].tolist() == [9, 10, 0, 14, 15, 0, 19, 20, 0]


def test_sinusoids_are_those_of_the_formula():
    table = sinusoids(7, 6)
    assert table.shape == (1, 7, 6)
    assert table[0, 5, 2].item() == pytest.approx(math.sin(5 / 10_000 ** (2 / 6)))
    assert table[0, 5, 3].item() == pytest.approx(math.cos(5 / 10_000 ** (2 / 6)))


def test_what_the_authors_store_is_what_is_trained_what_is_not_and_what_is_unused():
    with torch.device("meta"):
        model = create_model("localvit_t2t_7")
    untrained = [model.stem.positions, *(step[1].directions for step in model.stem.steps)]
    unused = 2 * 2 * 64
    assert card("localvit_t2t_7").params + sum(map(torch.numel, untrained)) + unused == 4_385_386


def test_a_grey_image_meets_the_sum_of_the_weights(tmp_path):
    theirs = create_model("localvit_t2t_nano", num_classes=10)
    torch.save(theirs.state_dict(), tmp_path / "nano.pth")
    ours = create_model("localvit_t2t_nano", num_classes=10, in_chans=1, pretrained=tmp_path / "nano.pth")
    grey = torch.randn(1, 1, 32, 32)
    expected = theirs.eval()(grey.expand(1, 3, 32, 32))
    torch.testing.assert_close(ours.eval()(grey), expected, rtol=1e-3, atol=1e-4)
    five = create_model("localvit_t2t_nano", num_classes=10, in_chans=5, pretrained=tmp_path / "nano.pth")
    weight = theirs.stem.steps[0][1].kqv.weight.unflatten(1, (3, 9))[:, [0, 1, 2, 0, 1]].flatten(1)
    torch.testing.assert_close(five.stem.steps[0][1].kqv.weight, weight * 3 / 5)


def test_patches_of_a_split_overlap():
    with pytest.raises(SpecError) as error:
        LocalT2TSpec(kernels=(7, 2), strides=(4, 2), width=8, depth=1, num_heads=1)
    assert str(error.value) == (
        "The patches of a soft split have a centre and overlap: got kernels=(7, 2) and strides=(4, 2). "
        "Make every kernel odd and larger than its stride."
    )


def test_a_file_of_another_shape_is_refused(tmp_path):
    torch.save(
        {"tokens_to_token.project.weight": torch.zeros(5), "pos_embed": torch.zeros(1, 5, 3)}, tmp_path / "a.pth"
    )
    with pytest.raises(
        WeightsError, match=r"does not fit this LocalT2T: it lacks .*'stem.positions' is 1 x 17 x 3 and not"
    ):
        create_model("localvit_t2t_nano", pretrained=tmp_path / "a.pth")
