"""A CNN and a ViT as data grow, and where their curves cross."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from anmok.claims.claim import Claim, Contrast, Needs, Record, Situation
from anmok.claims.ledger.past import Curve, curves, data_sets
from anmok.claims.measurement import Measurement

_CNN, _VIT = "resnet_nano", "vit_nano"
_FEWEST, _MOST, _RISE = "with fewest images", "with most images", "points per doubling"
_CROSSING = "images where the curves cross"


def _rise(curve: Curve) -> float:
    """Slope of the accuracy on log2 images."""
    return float(np.polyfit(np.log2(list(curve)), list(curve.values()), 1)[0])


def _measure(model: str, situation: Situation) -> Record:
    curve = curves()[situation.replicate][model]
    fewest, most = min(curve), max(curve)
    return {_FEWEST: curve[fewest], _MOST: curve[most], _RISE: _rise(curve), "fewest": fewest, "most": most}


def crossing(ahead: Curve, behind: Curve) -> float | str:
    """Images at which the one that was behind has caught up, by a straight line on log2 images through the gap."""
    shared = sorted(ahead.keys() & behind.keys())
    slope, start = np.polyfit(np.log2(shared), [behind[n] - ahead[n] for n in shared], 1)
    log2_images = -start / slope if slope > 0 else np.inf
    return round(float(2**log2_images)) if log2_images < 40 else "none"


def _cross(situation: Situation) -> Record:
    known = curves()[situation.replicate]
    return {_CROSSING: crossing(known[_CNN], known[_VIT])}


def _arms(scale: float) -> Mapping[str, Measurement]:
    nets = {name: Measurement(partial(_measure, model)) for name, model in (("CNN", _CNN), ("ViT", _VIT))}
    return {**nets, "both": Measurement(_cross)}


CLAIM = Claim(
    name="data-growth",
    hypothesis="A CNN is ahead of a ViT with few images, and the ViT gains more from further ones",
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, sec. 4.3, fig. 3 and 4: the curves of ResNets and ViTs cross.",
    protocol=(
        "resnet_nano and vit_nano, 1.0 M parameters each, trained from scratch with one recipe on five nested parts "
        "of several data sets, from 16 to 30 images up to 240 to 400: the trainings that were recorded once and ship "
        "with Anmok. Test accuracies in percent. A straight line through the gap on log2 images says where the curves "
        "cross; none where the gap does not close as images are added."
    ),
    arms=_arms,
    trains=False,
    needs=Needs.NONE,
    over="data sets",
    replicates=lambda: data_sets((_CNN, _VIT)),
    shown=("fewest", "most", _CROSSING),
    contrasts=(
        Contrast(text=f"CNN - ViT, {_FEWEST}", plus=("CNN",), minus=("ViT",), quantity=_FEWEST),
        Contrast(text=f"ViT - CNN, {_RISE}", plus=("ViT",), minus=("CNN",), quantity=_RISE),
        Contrast(text=f"CNN - ViT, {_MOST}", plus=("CNN",), minus=("ViT",), quantity=_MOST, decides=False),
    ),
)
