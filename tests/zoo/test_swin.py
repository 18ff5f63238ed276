import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn.functional import interpolate

from anmok.catalogue import create_model, load_weights, require_model
from anmok.errors import SpecError
from anmok.layers import TokenGrid
from anmok.zoo.swin import PatchMerging, Swin, SwinSpec, WindowAttention, Windows
from oracles import reference
from parity import answers, relative_error, scatter

TINY = "swin_tiny_patch4_window7_224"
AUTHORS = (
    (r"^stem\.project\.", "patch_embed.proj."),
    (r"^stem\.norm\.", "patch_embed.norm."),
    (r"^stages\.(\d)\.merge\.norm\.", lambda m: f"layers.{int(m[1]) - 1}.downsample.norm."),
    (r"^stages\.(\d)\.merge\.reduce\.", lambda m: f"layers.{int(m[1]) - 1}.downsample.reduction."),
    (r"^stages\.", "layers."),
    (r"\.attention\.bias$", ".attn.relative_position_bias_table"),
    (r"\.attention\.project\.", ".attn.proj."),
    (r"\.attention\.", ".attn."),
    (r"\.mlp\.0\.", ".mlp.fc1."),
    (r"\.mlp\.2\.", ".mlp.fc2."),
    (r"^pool\.norm\.", "norm."),
)
sides = st.integers(1, 17)


@pytest.mark.oracle
def test_logits_equal_timms(check_parity):
    check_parity("swin_tiny_patch4_window7_224", 224, 224, drop_path_rate=0.0)


@pytest.mark.oracle
def test_maps_that_windows_do_not_fill_are_padded_as_in_torchvision(tmp_path):
    # 232 x 256 gives maps of 58 x 64, 29 x 32, 15 x 16 and 8 x 8. timm pads after the shift and differs here.
    theirs = reference("torchvision").models.swin_t(num_classes=10)
    for block in theirs.modules():
        if hasattr(block, "stochastic_depth"):
            block.stochastic_depth.p = 0.0
    scatter(theirs)
    torch.save(theirs.state_dict(), tmp_path / "torchvisions.pth")
    ours = create_model(TINY, num_classes=10, pretrained=tmp_path / "torchvisions.pth")
    images = torch.randn(1, 3, 232, 256)
    for logits, expected in answers(ours, theirs, images):
        assert relative_error(logits, expected) < 1e-5


@pytest.mark.oracle
def test_files_of_transformers_are_read(tmp_path):
    transformers = reference("transformers")
    config = transformers.SwinConfig(num_labels=10, depths=[1, 2, 2, 1], drop_path_rate=0.0)
    theirs = transformers.SwinForImageClassification(config).eval()
    scatter(theirs)
    theirs.save_pretrained(tmp_path)
    ours = Swin(replace(require_model(TINY).spec, depths=(1, 2, 2, 1)), num_classes=10).eval()
    load_weights(ours, tmp_path / "model.safetensors", "swin")
    images = torch.randn(1, 3, 224, 288)
    assert relative_error(ours(images), theirs(images).logits) < 1e-5


def test_in_the_authors_files_neighbours_are_merged_at_the_end_of_a_stage(tmp_path):
    model = create_model(TINY, num_classes=10)
    theirs = {
        "layers.0.blocks.1.attn_mask": torch.zeros(64, 49, 49),
        "layers.0.blocks.1.attn.relative_position_index": torch.zeros(49, 49),
    }
    for name, tensor in model.state_dict().items():
        for pattern, theirs_is in AUTHORS:
            name = re.sub(pattern, theirs_is, name)
        theirs[name] = tensor
    assert theirs["layers.2.downsample.reduction.weight"].shape == (768, 1536)
    assert theirs["layers.3.blocks.1.attn.relative_position_bias_table"].shape == (169, 24)
    torch.save({"model": theirs}, tmp_path / "authors.pth")
    again = create_model(TINY, num_classes=10, pretrained=tmp_path / "authors.pth")
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), model.state_dict().values(), strict=True))


def test_tables_of_another_window_are_resampled_as_in_the_authors_code(tmp_path):
    model = create_model("swin_nano", num_classes=10)
    save_file(model.state_dict(), tmp_path / "nano.safetensors")
    other = Swin(replace(require_model("swin_nano").spec, window=6), num_classes=10)
    load_weights(other, tmp_path / "nano.safetensors", "swin")
    table, found = (net.stages[0].blocks[0].attention.bias for net in (model, other))
    expected = interpolate(table.T.reshape(1, -1, 7, 7), size=(11, 11), mode="bicubic").reshape(-1, 121).T
    # Theirs continues a table by its border, ours by what is inside: the outermost offsets differ a little.
    inner = torch.zeros(11, 11, dtype=torch.bool)
    inner[3:-3, 3:-3] = True
    torch.testing.assert_close(found[inner.flatten()], expected[inner.flatten()], atol=0.01, rtol=0)


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


def test_a_map_smaller_than_a_window_is_one_window():
    windows = Windows(2, 9, 4, shifted=True)
    assert windows.sides == (2, 4)
    assert windows.shift == (0, 2)


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
