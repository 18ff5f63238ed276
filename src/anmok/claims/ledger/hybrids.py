"""Convolutions and attention in one net, with few images."""

from collections.abc import Mapping
from functools import partial
from statistics import mean

from anmok.claims.claim import Claim, Contrast, Needs, Record, Situation
from anmok.claims.ledger.past import curves, data_sets
from anmok.claims.measurement import Measurement

_HYBRIDS = ("vit_hybrid_nano", "cvt_nano", "coatnet_nano", "cmt_nano")
_ARMS = {
    "hybrids": _HYBRIDS,
    "CNN": ("resnet_nano",),
    "ViT": ("vit_nano",),
    **{model: (model,) for model in _HYBRIDS},
}
_FEW = 3  # sizes of the training set, the smallest
_ACCURACY = "accuracy with few images"


def _measure(models: tuple[str, ...], situation: Situation) -> Record:
    known = curves()[situation.replicate]
    return {_ACCURACY: mean(mean(known[model][n] for n in sorted(known[model])[:_FEW]) for model in models)}


def _arms(scale: float) -> Mapping[str, Measurement]:
    return {name: Measurement(partial(_measure, models)) for name, models in _ARMS.items()}


CLAIM = Claim(
    name="hybrids",
    hypothesis="Hybrids of convolutions and attention beat both parents with few images",
    source=(
        "Dai et al. 2021, arXiv:2106.04803, sec. 4: CoAtNet unites the generalisation of convolutions with the "
        "capacity of attention. Xiao et al. 2021, arXiv:2106.14881, and Wu et al. 2021, arXiv:2103.15808, say alike."
    ),
    protocol=(
        "vit_hybrid_nano, cvt_nano, coatnet_nano and cmt_nano against resnet_nano and vit_nano, about 1 M parameters "
        "each, trained from scratch with one recipe on several data sets: the trainings that were recorded once and "
        "ship with Anmok. Test accuracy in percent, mean over the three smallest training sets (16 to 100 images); "
        "`hybrids` is the mean of the four."
    ),
    arms=_arms,
    trains=False,
    needs=Needs.NONE,
    over="data sets",
    replicates=lambda: data_sets(("resnet_nano", "vit_nano", *_HYBRIDS)),
    contrasts=(
        Contrast(text="hybrids - CNN", plus=("hybrids",), minus=("CNN",), quantity=_ACCURACY),
        Contrast(text="hybrids - ViT", plus=("hybrids",), minus=("ViT",), quantity=_ACCURACY),
        *(
            Contrast(text=f"{model} - CNN", plus=(model,), minus=("CNN",), quantity=_ACCURACY, decides=False)
            for model in _HYBRIDS
        ),
    ),
)
