"""Files of LocalViTs on T2T-ViT: the authors'."""

import re

import torch
from einops import rearrange, reduce
from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, Tensors, square_grid
from anmok.catalogue.adapters.localvit import FEED_FORWARD, excite_by_convolution
from anmok.zoo.localvit_t2t import LocalT2T, LocalT2TSpec
from anmok.zoo.vit import resample_positions

LAST_SPLIT = "tokens_to_token.project.weight"
OF_PATCHES = r"stem\.steps\.0\.1\.(norm\.weight|norm\.bias|kqv\.weight)"


def _convert(tensors: Tensors) -> Tensors:
    """As on other hosts, and the projection of the last split's tokens as a convolution (3 x 3 in all files)."""
    converted = dict(excite_by_convolution(tensors))
    if LAST_SPLIT in tensors and tensors[LAST_SPLIT].shape[-1] % 9 == 0:
        converted[LAST_SPLIT] = tensors[LAST_SPLIT].unflatten(-1, (-1, 3, 3))
    return converted


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    if not isinstance(model, LocalT2T) or not isinstance(model.spec, LocalT2TSpec):
        return tensor
    if name == "stem.positions":
        return resample_positions(tensor, square_grid(name, tensor.shape[1] - 1), model.spec.grid)
    places = model.spec.kernels[0] ** 2
    is_of_patches = re.fullmatch(r"stem\.steps\.0\.1\.(norm\.weight|norm\.bias|kqv\.weight)", name)
    return (
        _adapt_channels(tensor, places, model.in_chans) if is_of_patches and not tensor.shape[-1] % places else tensor
    )


def _adapt_channels(tensor: Tensor, places: int, wanted: int) -> Tensor:
    """What norms or projects patches of the image, for other input channels: as a first convolution is adapted."""
    x = rearrange(tensor.float(), "... (c places) -> ... c places", places=places)
    given, projects = x.shape[-2], tensor.ndim == 2
    if wanted == 1:
        return reduce(x, "... c places -> ... places", "sum" if projects else "mean")
    x = x[..., torch.arange(wanted) % given, :] * (given / wanted if projects else 1)
    return rearrange(x, "... c places -> ... (c places)")


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^tokens_to_token\.",
            convert=_convert,
            renames=(
                (r"^cls_token$", "stem.class_token"),
                (r"^pos_embed$", "stem.positions"),
                (r"^tokens_to_token\.project\.", "stem.project."),
                (r"^tokens_to_token\.attention1\.", "stem.steps.0.1."),
                (r"^tokens_to_token\.attention2\.", "stem.steps.1.1."),
                (r"^(stem\.steps\.\d\.1)\.conv\.conv\.6\.", r"\1.feed_forward.branch.reduce."),
                (r"^(stem\.steps\.\d\.1)\.conv\.conv\.7\.", r"\1.feed_forward.branch.norm3."),
                (r"^(stem\.steps\.\d\.1)\.proj\.", r"\1.project."),
                (r"^(stem\.steps\.\d\.1)\.w$", r"\1.directions"),
                (r"\.norm1\.", ".norm."),
                *FEED_FORWARD,
                (r"^blocks\.", "stages."),
                (r"\.attn\.qkv\.", ".attention.qkv."),
                (r"\.attn\.proj\.", ".attention.project."),
                (r"^norm\.", "pool.norm."),
            ),
            ignored=r"^tokens_to_token\.attention\d\.norm2\.",  # stored and never used
        ),
    ),
    resample=_resample,
)
