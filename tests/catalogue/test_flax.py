"""The authors' files of ViTs, written on the spot; timm's reader, which knows them, is the oracle."""

import re

import numpy as np
import pytest
import torch
from einops import rearrange

from anmok.catalogue import create_model
from anmok.errors import WeightsError
from oracles import reference
from parity import relative_error, scatter

NAMES = (
    (r"^cls_token$", "cls"),
    (r"^pos_embed$", "Transformer/posembed_input/pos_embedding"),
    (r"^norm\.", "Transformer/encoder_norm/"),
    (r"^blocks\.", "Transformer/encoderblock_"),
    (r"\.norm1\.", "/LayerNorm_0/"),
    (r"\.norm2\.", "/LayerNorm_2/"),
    (r"\.attn\.proj\.", "/MultiHeadDotProductAttention_1/out/"),
    (r"\.mlp\.fc1\.", "/MlpBlock_3/Dense_0/"),
    (r"\.mlp\.fc2\.", "/MlpBlock_3/Dense_1/"),
    (r"^patch_embed\.proj\.", "embedding/"),
    (r"^head\.", "head/"),
)


def cnn_name(name: str) -> str:
    """A ResNet's tensor as the authors call it."""
    name = re.sub(r"^patch_embed\.backbone\.(stem\.)?(conv|norm)\.", r"\2_root/", name)
    place = re.match(r"patch_embed\.backbone\.stages\.(\d+)\.blocks\.(\d+)\.", name)
    if place:
        name = f"block{int(place[1]) + 1}/unit{int(place[2]) + 1}/" + name[place.end() :]
    name = re.sub(r"downsample\.(conv|norm)\.", r"\1_proj/", name).replace("norm", "gn")
    return re.sub(r"((?:conv|gn)\d)\.", r"\1/", name)


def queries_keys_values(block: str, x: np.ndarray, heads: int) -> dict[str, np.ndarray]:
    pattern = "(head d) i -> i head d" if x.ndim == 2 else "(head d) -> head d"
    leaf = "kernel" if x.ndim == 2 else "bias"
    parts = zip(("query", "key", "value"), np.split(x, 3), strict=True)
    place = f"{block}/MultiHeadDotProductAttention_1"
    return {f"{place}/{part}/{leaf}": rearrange(value, pattern, head=heads) for part, value in parts}


def as_flax(model: torch.nn.Module, heads: int) -> dict[str, np.ndarray]:
    arrays = {}
    for name, x in model.state_dict().items():
        x = x.numpy()
        if name.startswith("patch_embed.backbone."):
            leaf = "kernel" if x.ndim == 4 else "scale" if name.endswith("weight") else "bias"
            key = re.sub(r"(weight|bias)$", leaf, cnn_name(name))
            arrays[key] = rearrange(x, "o i h w -> h w i o") if x.ndim == 4 else x.reshape(1, 1, 1, -1)
            continue
        if ".attn.qkv." in name:
            arrays |= queries_keys_values(f"Transformer/encoderblock_{name.split('.')[1]}", x, heads)
            continue
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        kind = "scale" if "LayerNorm" in name or "encoder_norm" in name else "kernel"
        name = re.sub(r"weight$", kind, name)
        if name.endswith("out/kernel"):
            x = rearrange(x, "o (head d) -> head d o", head=heads)
        elif name.endswith("kernel"):
            x = rearrange(x, "o i h w -> h w i o") if x.ndim == 4 else x.T
        arrays[name] = x
    return arrays


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "heads", "prefix"),
    [
        ("vit_tiny_patch16_224", 3, ""),
        ("vit_tiny_r_s16_p8_224", 3, "opt/target/"),
        ("vit_small_r26_s32_224", 6, ""),
    ],
)
def test_the_authors_files_are_read(name, heads, prefix, tmp_path):
    timm = reference("timm")
    source = timm.create_model(name, num_classes=10)
    scatter(source)
    arrays = {prefix + key: x for key, x in as_flax(source, heads).items()}
    np.savez(tmp_path / "theirs.npz", **arrays, **{f"{prefix}pre_logits/kernel": np.zeros((4, 4), np.float32)})
    theirs = timm.create_model(name, num_classes=10).eval()
    theirs.load_pretrained(str(tmp_path / "theirs.npz"))
    ours = create_model(name, pretrained=tmp_path / "theirs.npz").eval()
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert relative_error(ours(images), theirs(images)) < 1e-5
    smaller = create_model(name, pretrained=tmp_path / "theirs.npz", img_size=160, num_classes=3, in_chans=1)
    assert smaller(torch.randn(1, 1, 160, 160)).shape == (1, 3)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not an archive at all"])
def test_a_broken_archive_is_one_sentence(content, tmp_path):
    (tmp_path / "broken.npz").write_bytes(content)
    with pytest.raises(WeightsError, match=r"'.*broken\.npz' is damaged, or holds more than weights \("):
        create_model("vit_nano", pretrained=tmp_path / "broken.npz")


def test_an_archive_with_python_objects_is_refused(tmp_path):
    np.savez(tmp_path / "code.npz", weight=np.array([object()], dtype=object))
    with pytest.raises(WeightsError, match="damaged, or holds more than weights"):
        create_model("vit_nano", pretrained=tmp_path / "code.npz")
