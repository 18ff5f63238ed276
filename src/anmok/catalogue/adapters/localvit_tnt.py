"""Files of LocalViTs on TNT: the authors'."""

import torch
from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, Tensors, square_grid
from anmok.catalogue.adapters.localvit import FEED_FORWARD, excite_by_convolution
from anmok.zoo.localvit_tnt import LocalTNT, LocalTNTSpec
from anmok.zoo.vit import resample_positions


def _convert(tensors: Tensors) -> Tensors:
    """As on other hosts, and one projection to queries, keys and values in place of two."""
    converted = dict(excite_by_convolution(tensors))
    values = {name: name.replace(".qk.", ".v.") for name in tensors if ".qk." in name}
    for name, other in values.items():
        if other in converted:
            converted[name.replace(".qk.", ".qkv.")] = torch.cat((converted.pop(name), converted.pop(other)))
    return converted


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    if not isinstance(model, LocalTNT) or not isinstance(model.spec, LocalTNTSpec) or name != "stem.positions":
        return tensor
    return resample_positions(tensor, square_grid(name, tensor.shape[1] - 1), model.spec.grid)


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^pixel_embed\.",
            convert=_convert,
            renames=(
                (r"^cls_token$", "stem.class_token"),
                (r"^patch_pos$", "stem.positions"),
                (r"^pixel_pos$", "stem.pixel_positions"),
                (r"^pixel_embed\.proj\.", "stem.conv."),
                (r"^norm(\d)_proj\.", r"stem.norm\1."),
                (r"^proj\.", "stem.project."),
                *((old, new.replace(".feed", ".outer.feed")) for old, new in FEED_FORWARD),
                (r"^blocks\.(\d+)\.proj\.", r"stages.\1.project."),
                (r"^blocks\.", "stages."),
                (r"\.norm_in\.", ".inner.norm1."),
                (r"\.attn_in\.", ".inner.attention."),
                (r"\.norm_mlp_in\.", ".inner.norm2."),
                (r"\.mlp_in\.fc1\.", ".inner.mlp.0."),
                (r"\.mlp_in\.fc2\.", ".inner.mlp.2."),
                (r"\.norm1_proj\.", ".norm."),
                (r"\.norm_out\.", ".outer.norm."),
                (r"\.attn_out\.", ".outer.attention."),
                (r"\.attention\.proj\.", ".attention.project."),
                (r"^norm\.", "pool.norm."),
            ),
        ),
    ),
    resample=_resample,
)
