"""Files of DeiTs: timm's, which are the authors', and those of transformers."""

import torch
from torch import Tensor

from anmok.backbone import Backbone
from anmok.catalogue.adapters import Adapter, Layout, Tensors, join_qkv, square_grid
from anmok.catalogue.adapters.vit import TIMM, TRANSFORMERS
from anmok.zoo.deit import DeiT, DeiTSpec
from anmok.zoo.vit import resample_positions

TWIN_HEAD = (
    (r"^(head|cls_classifier)\.", "head.label."),
    (r"^(head_dist|distillation_classifier)\.", "head.teacher."),
)


def _join_tokens(tensors: Tensors) -> Tensors:
    """The class and the distillation token as one tensor."""
    (second,) = (name for name in tensors if name.endswith(("dist_token", "distillation_token")))
    first = second.replace("dist_token", "cls_token").replace("distillation_token", "cls_token")
    if first not in tensors:
        return tensors
    others = {name: tensor for name, tensor in join_qkv(tensors).items() if name != second}
    return others | {first: torch.cat((tensors[first], tensors[second]), dim=1)}


def _resample(model: Backbone, name: str, tensor: Tensor) -> Tensor:
    if not isinstance(model, DeiT) or not isinstance(model.spec, DeiTSpec) or name != "stem.positions":
        return tensor
    return resample_positions(tensor, square_grid(name, tensor.shape[1] - model.spec.class_tokens), model.spec.grid)


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^(deit\.)?embeddings\.distillation_token$", convert=_join_tokens, renames=(*TWIN_HEAD, *TRANSFORMERS)
        ),
        Layout(mark=r"^dist_token$", convert=_join_tokens, renames=(*TWIN_HEAD, *TIMM)),
        Layout(mark=r"\.layernorm_before\.", convert=join_qkv, renames=TRANSFORMERS),
        Layout(renames=TIMM),
    ),
    resample=_resample,
)
