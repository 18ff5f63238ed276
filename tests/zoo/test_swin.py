import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anmok.catalogue import create_model
from anmok.errors import SpecError
from anmok.layers import TokenGrid
from anmok.zoo.swin import PatchMerging, SwinSpec, WindowAttention, Windows
from oracles import reference
from parity import relative_error, scatter

sides = st.integers(1, 17)


@pytest.mark.oracle
def test_logits_equal_timms(check_parity):
    check_parity("swin_tiny_patch4_window7_224", 224, 224, drop_path_rate=0.0)


@pytest.mark.oracle
def test_maps_that_windows_do_not_fill_are_padded_as_in_torchvision():
    # 232 x 256 gives maps of 58 x 64, 29 x 32, 15 x 16 and 8 x 8. timm pads after the shift and differs here.
    theirs = reference("torchvision").models.swin_t(num_classes=10).eval()
    scatter(theirs)
    ours = create_model("swin_tiny_patch4_window7_224", num_classes=10).eval()
    ours.load_state_dict(
        {_our_name(name): tensor for name, tensor in theirs.state_dict().items() if not name.endswith("_index")}
    )
    images = torch.randn(1, 3, 232, 256)
    assert relative_error(ours(images), theirs(images)) < 1e-5


def _our_name(name):
    for pattern, replacement in (
        (r"^features\.0\.0\.", "stem.project."),
        (r"^features\.0\.2\.", "stem.norm."),
        (r"^features\.(\d)\.(\d+)\.", lambda m: f"stages.{int(m[1]) // 2}.blocks.{m[2]}."),
        (r"^features\.(\d)\.reduction\.", lambda m: f"stages.{int(m[1]) // 2}.merge.reduce."),
        (r"^features\.(\d)\.norm\.", lambda m: f"stages.{int(m[1]) // 2}.merge.norm."),
        (r"\.attn\.relative_position_bias_table$", ".attention.bias"),
        (r"\.attn\.proj\.", ".attention.project."),
        (r"\.attn\.qkv\.", ".attention.qkv."),
        (r"\.mlp\.3\.", ".mlp.2."),
        (r"^norm\.", "pool.norm."),
    ):
        name = re.sub(pattern, replacement, name)
    return name


@given(rows=sides, columns=sides, window=st.integers(1, 7), shifted=st.booleans())
def test_joining_undoes_cutting(rows, columns, window, shifted):
    windows = Windows(rows, columns, window, shifted=shifted)
    x = torch.randn(2, rows, columns, 3)
    assert torch.equal(windows.join(windows.cut(x)), x)


@given(rows=sides, columns=sides, window=st.integers(2, 7))
def test_only_tokens_of_one_window_of_the_shifted_grid_see_each_other(rows, columns, window):
    windows = Windows(rows, columns, window, shifted=True)
    padded = [-(-n // side) * side for n, side in zip((rows, columns), windows.sides, strict=True)]
    down, across = (
        (torch.arange(n) - shift).div(side, rounding_mode="floor")
        for n, shift, side in zip(padded, windows.shift, windows.sides, strict=True)
    )
    group = (down[:, None] * 100 + across[None, :]).float()
    cut = windows.cut(group[None, :, :, None])[0, :, :, 0]
    together = cut[:, :, None] == cut[:, None, :]
    assert torch.equal(windows.barriers(torch.device("cpu"))[:, 0] == 0, together)


def test_the_bias_of_a_pair_depends_on_its_offset_alone():
    offsets = Windows(9, 9, 3, shifted=False).offsets(3, torch.device("cpu"))
    assert offsets[0, 0] == offsets[4, 4] == offsets[8, 8] == 12
    assert offsets[0, 1] == offsets[3, 4] == 11
    assert offsets[1, 0] == 13
    assert offsets[3, 0] == 17
    assert len(offsets.unique()) == 25


def test_a_map_smaller_than_a_window_is_one_window_with_the_same_biases():
    small, large = (Windows(n, n, 4, shifted=True) for n in (2, 8))
    assert small.sides == (2, 2)
    assert small.shift == (0, 0)
    cpu = torch.device("cpu")
    assert torch.equal(small.offsets(4, cpu), large.offsets(4, cpu)[[0, 1, 4, 5]][:, [0, 1, 4, 5]])


def test_window_attention_is_that_of_the_equation():
    attention = WindowAttention(4, 2, 2).double()
    windows = Windows(2, 2, 2, shifted=False)
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64)
    q, k, v = (x[0, 0] @ attention.qkv.weight.T + attention.qkv.bias).split(4, dim=1)
    mixed = torch.zeros(4, 4, dtype=torch.float64)
    for head in range(2):
        channels = slice(2 * head, 2 * head + 2)
        for i in range(4):
            scores = torch.stack(
                [
                    q[i, channels] @ k[j, channels] / 2**0.5
                    + attention.bias[(i // 2 - j // 2 + 1) * 3 + (i % 2 - j % 2 + 1), head]
                    for j in range(4)
                ]
            )
            mixed[i, channels] = scores.softmax(0) @ v[:, channels]
    torch.testing.assert_close(attention(x, windows)[0, 0], mixed @ attention.project.weight.T + attention.project.bias)


def test_merging_halves_an_odd_grid_upwards():
    merged = PatchMerging(4)(TokenGrid(torch.randn(2, 15, 4), 3, 5))
    assert (merged.height, merged.width) == (2, 3)
    assert merged.tokens.shape == (2, 6, 8)


def test_every_second_block_is_shifted():
    with torch.device("meta"):
        model = create_model("swin_tiny_patch4_window7_224")
    assert [block.shifted for block in model.stages[2].blocks] == 3 * [False, True]


def test_stages_agree_with_their_heads():
    with pytest.raises(SpecError) as error:
        SwinSpec(width=8, depths=(2, 2), num_heads=(2,))
    assert str(error.value) == (
        "Every stage has a number in depths and num_heads: got 2 and 1. Make the lengths equal and positive."
    )
    with pytest.raises(SpecError, match="got width 16 and 3 heads"):
        SwinSpec(width=8, depths=(2, 2), num_heads=(2, 3))
