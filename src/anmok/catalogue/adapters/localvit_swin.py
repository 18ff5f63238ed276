"""Files of LocalViTs on Swin: the authors'."""

from anmok.catalogue.adapters import Adapter, Layout
from anmok.catalogue.adapters.localvit import FEED_FORWARD, excite_by_convolution

ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^layers\.0\.blocks\.0\.conv\.conv\.",
            convert=excite_by_convolution,
            renames=(
                (r"^patch_embed\.proj\.", "stem.project."),
                (r"^patch_embed\.norm\.", "stem.norm."),
                *((rf"^layers\.{i}\.downsample\.norm\.", f"stages.{i + 1}.merge.norm.") for i in range(3)),
                *((rf"^layers\.{i}\.downsample\.reduction\.", f"stages.{i + 1}.merge.reduce.") for i in range(3)),
                (r"\.norm1\.", ".norm."),
                *FEED_FORWARD,
                (r"^layers\.", "stages."),
                (r"\.attn\.relative_position_bias_table$", ".attention.bias"),
                (r"\.attn\.qkv\.", ".attention.qkv."),
                (r"\.attn\.proj\.", ".attention.project."),
                (r"^norm\.", "pool.norm."),
            ),
            ignored=r"\.(attn_mask|relative_position_index)$",
        ),
    ),
)
