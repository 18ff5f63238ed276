"""What attention costs as images grow: in windows, and among all places."""

from collections.abc import Mapping
from functools import partial

import torch

from anmok.catalogue import create_model
from anmok.claims.claim import Claim, Contrast, Needs, Record, Situation
from anmok.claims.measurement import Measurement
from anmok.evaluation.cost import count_macs
from anmok.probes.power_law import fit_power_law

_SIDES = (448, 896, 1344, 1792)  # whole windows in every stage
_MODELS = {"global": "vit_small_patch16_224", "windows": "swin_tiny_patch4_window7_224", "convolution": "resnet50"}
_GROWTH = "MACs exponent"
_TOLERANCE = 0.05


def _grow(model: str, situation: Situation) -> Record:
    macs = {}
    for side in _SIDES:
        with torch.device("meta"):
            network = create_model(model, img_size=side)
        macs[f"MACs at {side}"] = count_macs(network, side, side)
    law = fit_power_law([float(side**2) for side in _SIDES], [float(count) for count in macs.values()])
    return {_GROWTH: law.exponent.value, **macs}


def _arms(scale: float) -> Mapping[str, Measurement]:
    return {f"{name} ({model})": Measurement(partial(_grow, model)) for name, model in _MODELS.items()}


_GLOBAL, _WINDOWS, _CONVOLUTION = (f"{name} ({model})" for name, model in _MODELS.items())

CLAIM = Claim(
    name="windows",
    hypothesis="Attention in windows grows linearly in pixels as convolutions do, global attention faster",
    source="Liu et al. 2021, arXiv:2103.14030, eq. 1 and 2.",
    protocol=(
        "Multiply-adds of a Swin-T, a ViT-S/16 and a ResNet-50, counted operator by operator without computing, at "
        f"sides of {', '.join(map(str, _SIDES))} pixels; the slope of log MACs on log pixels is their exponent. "
        f"Linear: at most {_TOLERANCE} above the convolutions' exponent. The counts are exact, and so is what follows."
    ),
    arms=_arms,
    trains=False,
    needs=Needs.NONE,
    exact=True,
    shown=tuple(f"MACs at {side}" for side in _SIDES),
    contrasts=(
        Contrast(text="exponent: global - windows", plus=(_GLOBAL,), minus=(_WINDOWS,), quantity=_GROWTH),
        Contrast(
            text=f"exponent: convolution - windows, above -{_TOLERANCE}",
            plus=(_CONVOLUTION,),
            minus=(_WINDOWS,),
            quantity=_GROWTH,
            above=-_TOLERANCE,
        ),
    ),
)
