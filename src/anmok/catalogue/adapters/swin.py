"""Files of Swin Transformers: timm's, the authors', torchvision's and those of transformers."""

from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, join_qkv, square_grid
from anmok.layers import resample_relative_bias
from anmok.zoo.swin import WindowAttention

BLOCK = (
    (r"\.attn\.relative_position_bias_table$", ".attention.bias"),
    (r"\.attn\.qkv\.", ".attention.qkv."),
    (r"\.attn\.proj\.", ".attention.project."),
    (r"^norm\.", "pool.norm."),
)
TIMM = (
    (r"^patch_embed\.proj\.", "stem.project."),
    (r"^patch_embed\.norm\.", "stem.norm."),
    (r"^layers\.", "stages."),
    (r"\.downsample\.norm\.", ".merge.norm."),
    (r"\.downsample\.reduction\.", ".merge.reduce."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.2."),
    (r"^head\.fc\.", "head."),
    *BLOCK,
)
TORCHVISION = (
    (r"^features\.0\.0\.", "stem.project."),
    (r"^features\.0\.2\.", "stem.norm."),
    *((rf"^features\.{2 * i}\.norm\.", f"stages.{i}.merge.norm.") for i in range(1, 4)),
    *((rf"^features\.{2 * i}\.reduction\.", f"stages.{i}.merge.reduce.") for i in range(1, 4)),
    *((rf"^features\.{2 * i + 1}\.", f"stages.{i}.blocks.") for i in range(4)),
    (r"\.mlp\.3\.", ".mlp.2."),
    *BLOCK,
)
# Of two names, the former is that of files, the latter that of modules since transformers 5.
TRANSFORMERS = (
    (r"^swin\.", ""),
    (r"^embeddings\.patch_embeddings\.projection\.", "stem.project."),
    (r"^embeddings\.norm\.", "stem.norm."),
    (r"^encoder\.", ""),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.self\.qkv\.", ".attention.qkv."),
    (r"\.attention\.(self|relative_position_bias)\.relative_position_bias_table$", ".attention.bias"),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attention.project."),
    (r"\.(intermediate\.dense|mlp\.fc1)\.", ".mlp.0."),
    (r"\.(output\.dense|mlp\.fc2)\.", ".mlp.2."),
    (r"^layernorm\.", "pool.norm."),
    (r"^classifier\.", "head."),
)
# Neighbours are merged at a stage's end; here, and by timm, at the start of the next one.
MERGED_LATER = tuple((rf"^layers\.{i}\.downsample\.", f"layers.{i + 1}.downsample.") for i in reversed(range(3)))
INDEX = r"\.(attn_mask|relative_position_index)$"  # not learnt


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    """Bicubic, as in the authors' code (sec. 4.1 of the paper: finetuning with another window)."""
    attention = model.get_submodule(name.rpartition(".")[0])
    if not isinstance(attention, WindowAttention) or not name.endswith(".bias"):
        return tensor
    side = (square_grid(name, tensor.shape[0])[0] + 1) // 2
    return resample_relative_bias(tensor, (side, side), (attention.window, attention.window), "bicubic")


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"\.layernorm_before\.", convert=join_qkv, renames=(*TRANSFORMERS, *MERGED_LATER, *TIMM), ignored=INDEX
        ),
        Layout(mark=r"^features\.", renames=TORCHVISION, ignored=INDEX),
        Layout(mark=r"^layers\.0\.downsample\.", renames=(*MERGED_LATER, *TIMM), ignored=INDEX),
        Layout(renames=TIMM, ignored=INDEX),
    ),
    resample=_resample,
)
