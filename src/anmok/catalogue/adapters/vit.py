"""Files of ViTs: timm's."""

from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, square_grid
from anmok.zoo.vit import ViT, ViTSpec, resample_positions


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    if not isinstance(model, ViT) or not isinstance(model.spec, ViTSpec) or name != "stem.positions":
        return tensor
    return resample_positions(tensor, square_grid(name, tensor.shape[1] - 1), model.spec.grid)


ADAPTER = Adapter(
    layouts=(
        Layout(
            renames=(
                (r"^cls_token$", "stem.class_token"),
                (r"^pos_embed$", "stem.positions"),
                (r"^patch_embed\.proj\.", "stem.project."),
                (r"^blocks\.", "stages."),
                (r"\.attn\.qkv\.", ".attention.qkv."),
                (r"\.attn\.proj\.", ".attention.project."),
                (r"\.mlp\.fc1\.", ".mlp.0."),
                (r"\.mlp\.fc2\.", ".mlp.2."),
                (r"^norm\.", "pool.norm."),
            ),
        ),
    ),
    resample=_resample,
)
