"""Files of CvTs: the authors' and transformers'."""

from anmok.catalogue.adapters import Adapter, Layout

ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^stage0\.",
            renames=(
                (r"^stage0\.patch_embed\.proj\.", "stem.project."),
                (r"^stage0\.patch_embed\.norm\.", "stem.norm."),
                (r"^stage(\d+)\.", r"stages.\1."),
                (r"\.patch_embed\.proj\.", ".embed.project."),
                (r"\.patch_embed\.norm\.", ".embed.norm."),
                (r"\.cls_token$", ".class_token"),
                (r"\.attn\.conv_proj_([qkv])\.conv\.", r".attention.mix_\1.conv."),
                (r"\.attn\.conv_proj_([qkv])\.bn\.", r".attention.mix_\1.norm."),
                (r"\.attn\.proj_([qkv])\.", r".attention.\1."),
                (r"\.attn\.proj\.", ".attention.project."),
                (r"\.mlp\.fc1\.", ".mlp.0."),
                (r"\.mlp\.fc2\.", ".mlp.2."),
                (r"^norm\.", "pool.norm."),
            ),
        ),
        Layout(
            mark=r"\.convolution_embeddings\.",
            renames=(
                (r"^cvt\.", ""),
                (r"^encoder\.stages\.0\.embedding\.convolution_embeddings\.", "stem."),
                (r"^encoder\.", ""),
                (r"\.embedding\.convolution_embeddings\.", ".embed."),
                (r"\.convolution_projection_([qkv])[a-z]+\.convolution_projection\.", r".mix_\1."),
                (r"\.projection_([qkv])[a-z]+\.", r".\1."),
                (r"\.projection\.", ".project."),
                (r"\.normalization\.", ".norm."),
                (r"\.convolution\.", ".conv."),
                (r"\.cls_token$", ".class_token"),
                (r"\.layers\.", ".blocks."),
                (r"\.attention\.attention\.", ".attention."),
                (r"\.attention\.output\.dense\.", ".attention.project."),
                (r"\.intermediate\.dense\.", ".mlp.0."),
                (r"\.output\.dense\.", ".mlp.2."),
                (r"\.layernorm_before\.", ".norm1."),
                (r"\.layernorm_after\.", ".norm2."),
                (r"^layernorm\.", "pool.norm."),
                (r"^classifier\.", "head."),
            ),
        ),
    ),
)
