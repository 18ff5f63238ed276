"""Files of ConViTs: timm's, which are the authors'."""

import re

from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, Tensors, square_grid
from anmok.catalogue.adapters.vit import TIMM
from anmok.zoo.convit import ConViT, ConViTSpec
from anmok.zoo.vit import resample_positions


def _move_class_token(tensors: Tensors) -> Tensors:
    """The class token as part of the first block that is not gated."""
    gated = sum(name.endswith(".gating_param") for name in tensors)
    moved = {"cls_token": f"stages.{gated}.class_token.token"}
    first = re.compile(rf"^blocks\.{gated}\.")
    return {moved.get(name) or first.sub(f"stages.{gated}.block.", name): x for name, x in tensors.items()}


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    if not isinstance(model, ConViT) or not isinstance(model.spec, ConViTSpec) or name != "stem.positions":
        return tensor
    return resample_positions(tensor, square_grid(name, tensor.shape[1]), model.spec.grid)


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"\.gating_param$",
            convert=_move_class_token,
            renames=(
                (r"\.attn\.qk\.", ".attention.query_key."),
                (r"\.attn\.v\.", ".attention.value."),
                (r"\.attn\.pos_proj\.", ".attention.places."),
                (r"\.attn\.gating_param$", ".attention.gate"),
                *TIMM,
            ),
            ignored=r"\.rel_indices$",
        ),
    ),
    resample=_resample,
)
