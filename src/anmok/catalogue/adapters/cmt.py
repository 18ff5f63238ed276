"""Files of CMTs: the authors'."""

import re
from math import prod

from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, square_grid
from anmok.zoo.cmt import CMT, CMTSpec, coarse_grid, resample_bias


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    match = re.fullmatch(r"stages\.(\d+)\.bias\.table", name)
    if not isinstance(model, CMT) or not isinstance(model.spec, CMTSpec) or match is None:
        return tensor
    stage = int(match[1])
    reduction, old = model.spec.reductions[stage], square_grid(name, tensor.shape[1])
    if tensor.shape[2] != prod(coarse_grid(old, reduction)):
        return tensor
    return resample_bias(tensor, reduction, old, model.spec.grid(stage))


ADAPTER = Adapter(
    layouts=(
        Layout(
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
        ),
    ),
    resample=_resample,
)
