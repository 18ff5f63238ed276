"""Files of ViTs: timm's, torchvision's, those of transformers and the authors' (.npz)."""

from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, join_qkv, square_grid
from anmok.catalogue.adapters.flax import MARK, UNLEARNT, from_flax
from anmok.zoo.vit import ViT, ViTSpec, resample_positions

TIMM_BLOCK = (
    (r"\.attn\.qkv\.", ".attention.qkv."),
    (r"\.attn\.proj\.", ".attention.project."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.2."),
    (r"^norm\.", "pool.norm."),
)
TIMM = (
    (r"^cls_token$", "stem.class_token"),
    (r"^pos_embed$", "stem.positions"),
    (r"^patch_embed\.proj\.", "stem.project."),
    (r"^blocks\.", "stages."),
    *TIMM_BLOCK,
)
# Of two names, the former is that of files, the latter that of modules since transformers 5.
TRANSFORMERS = (
    (r"^(vit|deit)\.", ""),
    (r"^embeddings\.cls_token$", "stem.class_token"),
    (r"^embeddings\.position_embeddings$", "stem.positions"),
    (r"^embeddings\.patch_embeddings\.projection\.", "stem.project."),
    (r"^(encoder\.layer|layers)\.", "stages."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.attention\.", ".attention."),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attention.project."),
    (r"\.(intermediate\.dense|mlp\.fc1)\.", ".mlp.0."),
    (r"\.(output\.dense|mlp\.fc2)\.", ".mlp.2."),
    (r"^layernorm\.", "pool.norm."),
    (r"^classifier\.", "head."),
)


TORCHVISION = (
    (r"^class_token$", "stem.class_token"),
    (r"^conv_proj\.", "stem.project."),
    (r"^encoder\.pos_embedding$", "stem.positions"),
    (r"^encoder\.layers\.encoder_layer_", "stages."),
    (r"\.ln_1\.", ".norm1."),
    (r"\.ln_2\.", ".norm2."),
    (r"\.self_attention\.in_proj_", ".attention.qkv."),
    (r"\.self_attention\.out_proj\.", ".attention.project."),
    (r"\.mlp\.linear_1\.", ".mlp.0."),
    (r"\.mlp\.(linear_2|3)\.", ".mlp.2."),
    (r"^encoder\.ln\.", "pool.norm."),
    (r"^heads\.head\.", "head."),
)


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    if not isinstance(model, ViT) or not isinstance(model.spec, ViTSpec) or name != "stem.positions":
        return tensor
    return resample_positions(tensor, square_grid(name, tensor.shape[1] - 1), model.spec.grid)


ADAPTER = Adapter(
    layouts=(
        Layout(mark=r"\.layernorm_before\.", convert=join_qkv, renames=TRANSFORMERS, ignored=r"^(vit\.)?pooler\."),
        Layout(mark=MARK, convert=from_flax, renames=TIMM, ignored=UNLEARNT),
        Layout(mark=r"^conv_proj\.", renames=TORCHVISION),
        Layout(renames=TIMM),
    ),
    resample=_resample,
)
