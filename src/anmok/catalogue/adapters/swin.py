"""Files of Swin Transformers: timm's."""

from anmok.catalogue.adapters import Adapter, Layout

ADAPTER = Adapter(
    layouts=(
        Layout(
            renames=(
                (r"^patch_embed\.proj\.", "stem.project."),
                (r"^patch_embed\.norm\.", "stem.norm."),
                (r"^layers\.", "stages."),
                (r"\.downsample\.norm\.", ".merge.norm."),
                (r"\.downsample\.reduction\.", ".merge.reduce."),
                (r"\.attn\.relative_position_bias_table$", ".attention.bias"),
                (r"\.attn\.qkv\.", ".attention.qkv."),
                (r"\.attn\.proj\.", ".attention.project."),
                (r"\.mlp\.fc1\.", ".mlp.0."),
                (r"\.mlp\.fc2\.", ".mlp.2."),
                (r"^norm\.", "pool.norm."),
                (r"^head\.fc\.", "head."),
            ),
            ignored=r"\.(attn_mask|relative_position_index)$",
        ),
    ),
)
