"""Files of hybrid ViTs: timm's and the authors' (.npz)."""

import re

from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, Tensors, square_grid
from anmok.catalogue.adapters.flax import MARK, UNLEARNT, from_flax
from anmok.catalogue.adapters.vit import TIMM_BLOCK
from anmok.zoo.vit import resample_positions
from anmok.zoo.vit_hybrid import HybridSpec, ViTHybrid


def _number_stages(tensors: Tensors) -> Tensors:
    """The blocks numbered after the ResNet's stages; tokens are part of the first."""
    cnn = {match[1] for name in tensors if (match := re.match(r"patch_embed\.backbone\.stages\.(\d+)\.", name))}
    numbered = {}
    for name, tensor in tensors.items():
        new = re.sub(r"^(cls_token$|pos_embed$|patch_embed\.proj\.)", rf"stages.{len(cnn)}.tokens.\1", name)
        new = re.sub(r"^blocks\.0\.", f"stages.{len(cnn)}.block.", new)
        new = re.sub(r"^blocks\.(\d+)\.", lambda match: f"stages.{len(cnn) + int(match[1])}.", new)
        numbered[new] = tensor
    return numbered


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    if not isinstance(model, ViTHybrid) or not isinstance(model.spec, HybridSpec) or not name.endswith(".positions"):
        return tensor
    return resample_positions(tensor, square_grid(name, tensor.shape[1] - 1), model.spec.grid)


RENAMES = (
    (r"\.tokens\.cls_token$", ".tokens.class_token"),
    (r"\.tokens\.pos_embed$", ".tokens.positions"),
    (r"\.tokens\.patch_embed\.proj\.", ".tokens.project."),
    (r"^patch_embed\.backbone\.(stem\.)?(conv|norm)\.", r"stem.\2."),
    (r"^patch_embed\.backbone\.(stages\.\d+)\.blocks\.(\d+)\.", r"\1.\2."),
    (r"\.downsample\.", ".shortcut."),
    (r"^(stages\.\d+\.\d+)\.(conv|norm)(\d)\.", r"\1.branch.\2\3."),
    *TIMM_BLOCK,
)


ADAPTER = Adapter(
    layouts=(
        Layout(mark=MARK, convert=lambda x: _number_stages(from_flax(x)), renames=RENAMES, ignored=UNLEARNT),
        Layout(mark=r"^patch_embed\.backbone\.", convert=_number_stages, renames=RENAMES),
    ),
    resample=_resample,
)
