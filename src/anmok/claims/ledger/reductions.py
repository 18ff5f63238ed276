"""What the 1 x 1 convolutions before the large filters of an inception module save."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from anmok.backbone import Backbone
from anmok.catalogue import create_model
from anmok.claims.claim import Arm, Claim, Contrast, Record, Situation
from anmok.claims.measurement import Measurement
from anmok.claims.training import USUAL, Training, lasting, spec_of
from anmok.evaluation.cost import count_macs, count_params
from anmok.layers import Conv2d
from anmok.zoo.googlenet import Branches, initialise

_PUBLISHED = "googlenet_2014"
_MARGIN = 2.0  # points of accuracy


def drop_reductions(network: Backbone) -> None:
    """Let the 3 x 3 and 5 x 5 convolutions of every module see the whole map; their weights are drawn anew."""
    for module in network.modules():
        if isinstance(module, Branches):
            for place in (1, 2):
                module.branches[place] = _unreduced(module.branches[place])


def _unreduced(branch: nn.Module) -> nn.Module:
    reduce: Any
    layer: Any
    reduce, layer = branch.children()
    old, width_in = layer.conv, reduce.conv.in_channels
    layer.conv = Conv2d(width_in, old.out_channels, old.kernel_size, padding=old.padding, bias=old.bias is not None)
    initialise(layer.conv)
    changed: nn.Module = layer
    return changed


def _keep(network: Backbone, seed: int) -> None:
    """Change nothing."""


def _drop(network: Backbone, seed: int) -> None:
    drop_reductions(network)


def _count(alter: Callable[[Backbone, int], None], situation: Situation) -> Record:
    with torch.device("meta"):
        network = create_model(_PUBLISHED)
        alter(network, 0)
    return {"MACs": count_macs(network, 224, 224), "params": count_params(network)}


def _arms(scale: float) -> Mapping[str, Arm]:
    spec, recipe = spec_of("googlenet_nano", 16), lasting(USUAL, 15, scale)
    arms: dict[str, Arm] = {}
    for name, alter in (("with", _keep), ("without", _drop)):
        arms[name] = Training(model="googlenet_nano", spec=spec, recipe=recipe, per_class=100, alter=alter)
        arms[f"GoogLeNet, {name}"] = Measurement(partial(_count, alter))
    return arms


CLAIM = Claim(
    name="reductions",
    hypothesis="Inception's 1 x 1 reductions save multiply-adds at equal accuracy",
    source="Szegedy et al. 2014, arXiv:1409.4842, sec. 4 and fig. 2: 1 x 1 convolutions before the 3 x 3 and 5 x 5.",
    protocol=(
        "googlenet_nano at 16 x 16 pixels, 1,000 images, with its reductions or with 3 x 3 and 5 x 5 convolutions that "
        "see the whole map; the width after the pool is as before, so that all maps have the same channels. AdamW, "
        "1e-3, cosine, 32 images a step, 15 epochs, weight decay 0.05, shifts and mirror images. And GoogLeNet of 2014 "
        f"at 224 x 224 pixels, counted exactly. Equal accuracy: less than {_MARGIN:g} points below."
    ),
    arms=_arms,
    contrasts=(
        Contrast(
            text=f"accuracy: with - without, above {-_MARGIN:g}", plus=("with",), minus=("without",), above=-_MARGIN
        ),
        *(
            Contrast(
                text=f"MACs of {net}: without / with",
                plus=(f"{prefix}without",),
                minus=(f"{prefix}with",),
                quantity="MACs",
                ratio=True,
            )
            for net, prefix in (("googlenet_nano", ""), ("GoogLeNet", "GoogLeNet, "))
        ),
    ),
)
