"""Files of VGGs: torchvision's, and timm's, whose full connections are stored as convolutions."""

import re

from torch import Tensor

from anmok.catalogue.adapters import Adapter, Layout, Tensors


def _named_by_group(tensors: Tensors) -> dict[str, Tensor]:
    """Number the convolutions group by group: theirs are counted with all activations and pools between them."""
    found = (re.fullmatch(r"features\.(\d+)\.weight", name) for name, x in tensors.items() if x.ndim == 4)
    convs = sorted(int(match[1]) for match in found if match)
    step = 3 if any(name.endswith("running_mean") for name in tensors) else 2  # convolution, batch norm, activation
    layers: dict[str, str] = {}
    group, position = 0, 0
    for conv, before in zip(convs, convs[:1] + convs, strict=False):
        if conv - before > step:  # a pool is between them, in place 0 of its stage
            group, position = group + 1, 1
        layer = f"stages.{group - 1}.{position}" if group else f"stem.{position}"
        layers |= {f"features.{conv}": f"{layer}.conv", f"features.{conv + 1}": f"{layer}.norm"}
        position += 1
    return {_renamed(name, layers): _flat(name, x) for name, x in tensors.items()}


def _renamed(name: str, layers: dict[str, str]) -> str:
    layer, _, parameter = name.rpartition(".")
    return f"{layers.get(layer, layer)}.{parameter}"


def _flat(name: str, x: Tensor) -> Tensor:
    return x.flatten(1) if name.startswith("pre_logits.") and x.ndim == 4 else x


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^features\.",
            convert=_named_by_group,
            renames=(
                (r"^(classifier\.0|pre_logits\.fc1)\.", "pool.linear1."),
                (r"^(classifier\.3|pre_logits\.fc2)\.", "pool.linear2."),
                (r"^(classifier\.6|head\.fc)\.", "head."),
            ),
        ),
    ),
)
