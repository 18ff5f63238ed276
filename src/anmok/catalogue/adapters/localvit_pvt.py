"""Files of LocalViTs on PVT: the authors'."""

import re

from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, square_grid
from anmok.catalogue.adapters.localvit import FEED_FORWARD, excite_by_convolution
from anmok.zoo.localvit_pvt import LocalPVT, LocalPVTSpec
from anmok.zoo.vit import resample_positions


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    match = re.fullmatch(r"(?:stem|stages\.(\d+)\.embed)\.positions", name)
    if not isinstance(model, LocalPVT) or not isinstance(model.spec, LocalPVTSpec) or match is None:
        return tensor
    stage = int(match[1] or 0)
    placeless = int(stage == len(model.spec.widths) - 1)  # the class token
    return resample_positions(tensor, square_grid(name, tensor.shape[1] - placeless), model.spec.grid(stage))


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^patch_embed1\.",
            convert=excite_by_convolution,
            renames=(
                (r"^cls_token$", "stages.3.embed.class_token"),
                (r"^pos_embed1$", "stem.positions"),
                (r"^patch_embed1\.proj\.", "stem.project."),
                (r"^patch_embed1\.norm\.", "stem.norm."),
                *((rf"^pos_embed{i + 1}$", f"stages.{i}.embed.positions") for i in (1, 2, 3)),
                *((rf"^patch_embed{i + 1}\.proj\.", f"stages.{i}.embed.project.") for i in (1, 2, 3)),
                *((rf"^patch_embed{i + 1}\.norm\.", f"stages.{i}.embed.norm.") for i in (1, 2, 3)),
                *((rf"^block{i + 1}\.", f"stages.{i}.blocks.") for i in range(4)),
                (r"\.norm1\.", ".norm."),
                *FEED_FORWARD,
                (r"\.attn\.sr\.", ".attention.coarsen."),
                (r"\.attn\.proj\.", ".attention.project."),
                (r"\.attn\.", ".attention."),
                (r"^norm\.", "pool.norm."),
            ),
        ),
    ),
    resample=_resample,
)
