"""Files of CoAtNets: timm's."""

import re

from einops import rearrange
from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, Tensors, square_grid
from anmok.layers import resample_relative_bias
from anmok.zoo.coatnet import RelativeAttention


def _convert_timms(tensors: Tensors) -> Tensors:
    """Linear layers are 1x1 convolutions to timm; rows of queries, keys and values take turns from head to head."""
    converted = {}
    for name, tensor in tensors.items():
        *_, part = re.split(r"(?<=\.blocks\.)\d+\.", name)
        block = name.removesuffix(part)
        table = tensors.get(f"{block}attn.rel_pos.relative_position_bias_table")
        linear = tensor.flatten(1) if part.endswith("weight") and part.startswith(("attn", "mlp")) else tensor
        if part.startswith("attn.qkv") and table is not None:
            linear = rearrange(linear, "(heads three d) ... -> (three heads d) ...", heads=table.shape[1], three=3)
        converted[name if table is None else f"{block}transformer.{part}"] = linear
    return converted


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    attention = model.get_submodule(name.rpartition(".")[0])
    if not isinstance(attention, RelativeAttention) or not name.endswith(".bias"):
        return tensor
    down, across = square_grid(name, tensor.shape[0])
    return resample_relative_bias(tensor, ((down + 1) // 2, (across + 1) // 2), attention.grid, "bilinear")


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"\.blocks\.",
            convert=_convert_timms,
            renames=(
                (r"^stem\.(conv|norm)1\.", r"stem.halve.\1."),
                (r"^stem\.conv2\.", "stem.mix."),
                (r"(\.blocks\.\d+)\.norm1\.", r"\1.expand.norm."),
                (r"(\.blocks\.\d+)\.norm2\.", r"\1.mix_space.norm."),
                (r"\.shortcut\.expand\.", ".widen."),
                (r"\.pre_norm\.", ".norm."),
                (r"\.conv1_1x1\.", ".expand.conv."),
                (r"\.conv2_kxk\.", ".mix_space.conv."),
                (r"\.conv3_1x1\.", ".reduce."),
                (r"\.se\.fc1\.", ".excite.reduce."),
                (r"\.se\.fc2\.", ".excite.expand."),
                (r"\.transformer\.(norm1\.)?(norm\.)?", r".\1"),
                (r"\.attn\.rel_pos\.relative_position_bias_table$", ".attention.bias"),
                (r"\.attn\.qkv\.", ".attention.qkv."),
                (r"\.attn\.proj\.", ".attention.project."),
                (r"\.mlp\.fc1\.", ".mlp.0."),
                (r"\.mlp\.fc2\.", ".mlp.2."),
                (r"\.blocks\.", "."),
                (r"^head\.norm\.", "pool.norm."),
                (r"^head\.pre_logits\.fc\.", "pool.hidden."),
                (r"^head\.fc\.", "head."),
            ),
        ),
    ),
    resample=_resample,
)
