"""Other people's names for our tensors: one table per family.

The names are timm's, where timm has the family, and otherwise its authors'. A name that no rule matches stays,
so that files with our own names pass through.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt, prod

from torch import Tensor

from anmok.backbone import Backbone
from anmok.errors import WeightsError
from anmok.zoo.cmt import CMT, CMTSpec, coarse_grid, resample_bias
from anmok.zoo.vit import ViT, ViTSpec, resample_positions


def _keep(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """How to read one family's public files."""

    renames: tuple[tuple[str, str], ...] = ()  # patterns and what to put in their place, applied in this order
    ignored: str = r"$."  # pattern of names that hold nothing learnt
    resample: Callable[[Backbone, str, Tensor], Tensor] = _keep  # to the grid that the model is built for

    def rename(self, name: str) -> str | None:
        """Our name, or None for what holds nothing learnt."""
        if re.search(self.ignored, name):
            return None
        for pattern, replacement in self.renames:
            name = re.sub(pattern, replacement, name)
        return name


def _resample_vit(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    if not isinstance(model, ViT) or not isinstance(model.spec, ViTSpec) or name != "stem.positions":
        return tensor
    return resample_positions(tensor, _square(name, tensor.shape[1] - 1), model.spec.grid)


def _resample_cmt(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    match = re.fullmatch(r"stages\.(\d+)\.bias\.table", name)
    if not isinstance(model, CMT) or not isinstance(model.spec, CMTSpec) or match is None:
        return tensor
    stage = int(match[1])
    reduction, old = model.spec.reductions[stage], _square(name, tensor.shape[1])
    if tensor.shape[2] != prod(coarse_grid(old, reduction)):
        return tensor
    return resample_bias(tensor, reduction, old, model.spec.grid(stage))


def _square(name: str, places: int) -> tuple[int, int]:
    """A file says how many places there are and not in how many rows; public ones are square."""
    side = isqrt(places)
    if places < 1 or side * side != places:
        raise WeightsError(
            f"Only square grids are resampled to another size: '{name}' has {places} places. "
            f"Build the model for the image size that the weights were trained with."
        )
    return side, side


# A family that is not here reads files with our own names only.
ADAPTERS = {
    "resnet": Adapter(
        renames=(
            (r"^conv1\.", "stem.conv."),
            (r"^bn1\.", "stem.norm."),
            *((rf"^layer{i + 1}\.", f"stages.{i}.") for i in range(4)),
            (r"^(stages\.\d+\.\d+)\.conv(\d)\.", r"\1.branch.conv\2."),
            (r"^(stages\.\d+\.\d+)\.bn(\d)\.", r"\1.branch.norm\2."),
            (r"\.downsample\.0\.", ".shortcut.conv."),
            (r"\.downsample\.1\.", ".shortcut.norm."),
            (r"^(fc|linear)\.", "head."),
        )
    ),
    "convnext": Adapter(
        renames=(
            (r"^stem\.0\.", "stem.project."),
            (r"^stem\.1\.", "stem.norm."),
            (r"\.downsample\.0\.", ".downsample.norm."),
            (r"\.downsample\.1\.", ".downsample.conv."),
            (r"\.conv_dw\.", ".mix_space."),
            (r"\.mlp\.fc1\.", ".mix_channels.0."),
            (r"\.mlp\.fc2\.", ".mix_channels.2."),
            (r"\.gamma$", ".gain"),
            (r"^head\.norm\.", "pool.norm."),
            (r"^head\.fc\.", "head."),
        )
    ),
    "vit": Adapter(
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
        resample=_resample_vit,
    ),
    "swin": Adapter(
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
    "cmt": Adapter(
        renames=(
            *((rf"^stem_(conv|norm){i + 1}\.", rf"stem.{i}.\1.") for i in range(3)),
            *((rf"^patch_embed_{letter}\.proj\.", f"stages.{i}.patches.") for i, letter in enumerate("abcd")),
            *((rf"^patch_embed_{letter}\.norm\.", f"stages.{i}.norm.") for i, letter in enumerate("abcd")),
            *((rf"^relative_pos_{letter}$", f"stages.{i}.bias.table") for i, letter in enumerate("abcd")),
            *((rf"^blocks_{letter}\.", f"stages.{i}.blocks.") for i, letter in enumerate("abcd")),
            (r"(\.blocks\.\d+)\.proj\.", r"\1.perceive."),
            (r"\.attn\.sr\.0\.", ".attention.coarsen.conv."),
            (r"\.attn\.sr\.1\.", ".attention.coarsen.norm."),
            (r"\.attn\.proj\.", ".attention.project."),
            (r"\.attn\.", ".attention."),
            (r"\.mlp\.conv1\.0\.", ".feed_forward.expand.conv."),
            (r"\.mlp\.conv1\.2\.", ".feed_forward.expand.norm."),
            (r"\.mlp\.proj\.", ".feed_forward.mix_space."),
            (r"\.mlp\.proj_bn\.", ".feed_forward.norm."),
            (r"\.mlp\.conv2\.0\.", ".feed_forward.reduce.conv."),
            (r"\.mlp\.conv2\.1\.", ".feed_forward.reduce.norm."),
            (r"^_fc\.", "pool.conv."),
            (r"^_bn\.", "pool.norm."),
        ),
        resample=_resample_cmt,
    ),
}
