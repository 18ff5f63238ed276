"""Files of Google's ViTs (.npz): JAX's names and axes -> timm's, from which the families' adapters go on."""

import re

from einops import rearrange
from torch import Tensor

from anmok.catalogue.adapters import Tensors, join_qkv

MARK = r"^((opt/target|params)/)?Transformer/encoderblock_0/"
UNLEARNT = r"^pre_logits\."  # a layer before the head that only pretraining uses

_NAMES = (
    (r"^(opt/target|params)/", ""),
    (r"/", "."),
    (r"\.(kernel|scale)$", ".weight"),
    (r"^cls$", "cls_token"),
    (r"^Transformer\.posembed_input\.pos_embedding$", "pos_embed"),
    (r"^Transformer\.encoder_norm\.", "norm."),
    (r"^Transformer\.encoderblock_", "blocks."),
    (r"\.LayerNorm_0\.", ".norm1."),
    (r"\.LayerNorm_\d\.", ".norm2."),
    (r"\.MultiHeadDotProductAttention_\d\.(out\.)?", r".attn.\1"),
    (r"\.attn\.out\.", ".attn.proj."),
    (r"\.MlpBlock_\d\.Dense_0\.", ".mlp.fc1."),
    (r"\.MlpBlock_\d\.Dense_1\.", ".mlp.fc2."),
    (r"^embedding\.", "patch_embed.proj."),
    (r"^(conv|gn)_root\.", r"patch_embed.backbone.stem.\1."),
    (r"^block(\d)\.unit(\d+)\.", r"patch_embed.backbone.stages.\1.blocks.\2."),
    (r"\.(conv|gn)_proj\.", r".downsample.\1."),
    (r"\.gn(\d?)\.", r".norm\1."),
)


def from_flax(tensors: Tensors) -> Tensors:
    """The tensors by timm's names and with torch's axes."""
    renamed = {}
    for name, tensor in tensors.items():
        new = name
        for pattern, replacement in _NAMES:
            new = re.sub(pattern, replacement, new)
        # JAX counts units from 1, timm from 0.
        new = re.sub(r"(?<=\.stages\.)\d|(?<=stages\.\d\.blocks\.)\d+", lambda match: str(int(match[0]) - 1), new)
        renamed[new] = _turned(new, tensor)
    return join_qkv(renamed)


def _turned(name: str, x: Tensor) -> Tensor:
    """Outputs first, heads joined, vectors flat."""
    if name in ("cls_token", "pos_embed"):
        return x
    if not name.endswith("weight") or x.ndim == 1 or x.shape[:-1].numel() == 1:
        return x.flatten()
    if x.ndim == 4:
        return rearrange(x, "h w i o -> o i h w")
    if x.ndim == 3:
        return rearrange(x, "head d o -> o (head d)" if ".proj." in name else "i head d -> (head d) i")
    return rearrange(x, "i o -> o i")
