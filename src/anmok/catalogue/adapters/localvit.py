"""Files of LocalViTs: the authors'. Those on other hosts share how the feed-forward is read."""

import re

from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, Tensors, square_grid
from anmok.zoo.localvit import LocalViT, LocalViTSpec
from anmok.zoo.vit import resample_positions

FEED_FORWARD = (
    (r"\.conv\.conv\.0\.", ".feed_forward.branch.expand."),
    (r"\.conv\.conv\.1\.", ".feed_forward.branch.norm1."),
    (r"\.conv\.conv\.3\.", ".feed_forward.branch.mix_space."),
    (r"\.conv\.conv\.4\.", ".feed_forward.branch.norm2."),
    (r"\.conv\.conv\.6\.fc\.0\.", ".feed_forward.branch.excite.reduce."),
    (r"\.conv\.conv\.6\.fc\.2\.", ".feed_forward.branch.excite.expand."),
    (r"\.conv\.conv\.7\.", ".feed_forward.branch.reduce."),
    (r"\.conv\.conv\.8\.", ".feed_forward.branch.norm3."),
)


def excite_by_convolution(tensors: Tensors) -> Tensors:
    """The linear layers of squeeze and excitation, as 1 x 1 convolutions."""
    return {
        name: tensor[..., None, None] if re.search(r"\.fc\.[02]\.weight$", name) else tensor
        for name, tensor in tensors.items()
    }


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    if not isinstance(model, LocalViT) or not isinstance(model.spec, LocalViTSpec) or name != "stem.positions":
        return tensor
    return resample_positions(tensor, square_grid(name, tensor.shape[1] - 1), model.spec.grid)


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^blocks\.0\.conv\.conv\.",
            convert=excite_by_convolution,
            renames=(
                (r"^cls_token$", "stem.class_token"),
                (r"^pos_embed$", "stem.positions"),
                (r"^patch_embed\.proj\.", "stem.project."),
                (r"\.norm1\.", ".norm."),
                *FEED_FORWARD,
                (r"^blocks\.", "stages."),
                (r"\.attn\.qkv\.", ".attention.qkv."),
                (r"\.attn\.proj\.", ".attention.project."),
                (r"^norm\.", "pool.norm."),
            ),
        ),
    ),
    resample=_resample,
)
