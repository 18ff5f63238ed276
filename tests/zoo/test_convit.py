from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from anmok.catalogue import create_model, require_model
from anmok.errors import SpecError
from anmok.layers import TokenGrid
from anmok.zoo.convit import GatedAttention
from oracles import reference
from parity import answers, relative_error, scatter

NANO = require_model("convit_nano").spec


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "side"), [("convit_tiny", 224), ("convit_tiny", 160), ("convit_small", 96)])
def test_logits_equal_timms(name, side, tmp_path):
    theirs = reference("timm").create_model(name, num_classes=10, img_size=side)
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    ours = create_model(name, num_classes=10, img_size=side, pretrained=tmp_path / "theirs.safetensors")
    images = torch.randn(1, 3, side, side)
    for logits, expected in answers(ours, theirs, images):
        assert relative_error(logits, expected) < 1e-5


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["convit_tiny", "convit_small"])
def test_attention_starts_as_timms(name):
    ours, theirs = create_model(name, num_classes=0), reference("timm").create_model(name)
    for i in range(10):
        mine, its = ours.stages[i].attention, theirs.blocks[i].attn
        assert torch.equal(mine.places.weight, its.pos_proj.weight)
        assert torch.equal(mine.places.bias, its.pos_proj.bias)
        assert torch.equal(mine.value.weight, its.v.weight)
        assert torch.equal(mine.gate, its.gating_param)


def test_gated_attention_is_that_of_the_equations_on_an_oblong_grid():
    height, width, heads, d = 2, 3, 4, 2
    attention = GatedAttention(heads * d, heads).double()
    x = torch.randn(1, height * width, heads * d, dtype=torch.float64)
    torch.nn.init.normal_(attention.gate)
    q, k = (x[0] @ attention.query_key.weight.T).split(heads * d, dim=1)
    v = x[0] @ attention.value.weight.T
    mixed = torch.zeros_like(v)
    for h in range(heads):
        channels, gate = slice(h * d, h * d + d), 1 / (1 + torch.exp(-attention.gate[h]))
        for i in range(height * width):
            offsets = [(j % width - i % width, j // width - i // width) for j in range(height * width)]
            r = torch.tensor([[across, down, across**2 + down**2] for across, down in offsets], dtype=torch.float64)
            places = r @ attention.places.weight[h] + attention.places.bias[h]
            contents = k[:, channels] @ q[i, channels] / d**0.5
            weights = (1 - gate) * contents.softmax(0) + gate * places.softmax(0)  # eq. 7
            mixed[i, channels] = weights / weights.sum() @ v[:, channels]  # eq. 6, 8
    expected = mixed @ attention.project.weight.T + attention.project.bias
    torch.testing.assert_close(attention(TokenGrid(x, height, width))[0], expected)


def test_fresh_heads_look_like_the_places_of_a_filter():
    attention = GatedAttention(9, 9)
    attention.start_as_convolution()
    looks = attention.attend_to_places(5, 7)
    torch.testing.assert_close(looks.sum(-1), torch.ones(9, 35))
    centre = 2 * 7 + 3
    strongest = {divmod(int(place), 7) for place in looks[:, centre].argmax(-1)}
    assert strongest == {(row, column) for row in (1, 2, 3) for column in (2, 3, 4)}
    assert torch.equal(attention.value.weight, torch.eye(9))


def test_a_shut_gate_leaves_contents_and_an_open_one_places():
    attention, grid = GatedAttention(8, 4), TokenGrid(torch.randn(2, 12, 8), 3, 4)
    order = torch.randperm(12)
    torch.nn.init.constant_(attention.gate, -100.0)
    shuffled = grid._replace(tokens=grid.tokens[:, order])
    torch.testing.assert_close(attention(shuffled), attention(grid)[:, order])
    torch.nn.init.constant_(attention.gate, 100.0)
    contents = attention.query_key.weight.clone()
    before = attention(grid)
    attention.query_key.weight.data.normal_()
    assert not torch.equal(attention.query_key.weight, contents)
    torch.testing.assert_close(attention(grid), before)


def test_the_class_token_comes_after_the_gated_blocks():
    model = create_model("convit_nano", num_classes=0).eval()
    images = torch.randn(1, 3, 32, 32)
    counts = [state.tokens.shape[1] for state in _states(model, images)]
    assert counts == [64, 64, 64, 64, 65]


def _states(model, images):
    states, x = [], model.stem(images)
    for stage in model.stages:
        x = stage(x)
        states.append(x)
    return states


def test_positions_are_resampled_when_the_model_is_built_for_another_size(tmp_path):
    model, path = create_model("convit_nano", num_classes=5).eval(), tmp_path / "convit.safetensors"
    save_file(model.state_dict(), path)
    images = torch.randn(1, 3, 48, 64)
    other = create_model("convit_nano", num_classes=5, img_size=(48, 64), pretrained=path).eval()
    torch.testing.assert_close(other(images), model(images))


def test_half_precision_mixes_attentions_of_one_type():
    model, images = create_model("convit_nano", num_classes=5).eval(), torch.randn(1, 3, 32, 32)
    expected = model(images)
    with torch.autocast("cpu", torch.bfloat16):
        assert relative_error(model(images).float(), expected) < 0.05
    assert relative_error(model.bfloat16()(images.bfloat16()).float(), expected) < 0.05


def test_heads_are_the_places_of_a_square_filter():
    with pytest.raises(SpecError) as error:
        replace(NANO, num_heads=8)
    assert str(error.value) == (
        "The heads of gated attention start as the places of a square filter: got 8 heads. "
        "Choose a square number, such as 4, 9 or 16."
    )
    with pytest.raises(SpecError) as error:
        replace(NANO, gated_depth=5)
    assert str(error.value) == (
        "The last block needs the class token, which gated ones do not take: got 5 gated blocks of 5. "
        "Leave at least one block ungated."
    )
