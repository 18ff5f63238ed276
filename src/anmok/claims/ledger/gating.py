"""What squeeze-and-excitation gates bring, and cost."""

from collections.abc import Mapping
from dataclasses import replace

from anmok.claims.claim import Claim, Contrast
from anmok.claims.training import USUAL, Training, lasting, spec_of

_DEAR = 1.05  # times the MACs


def _arms(scale: float) -> Mapping[str, Training]:
    gated = spec_of("seresnet_nano", 16)
    plain = replace(spec_of("resnet_nano", 16), widths=gated.widths)
    recipe = lasting(USUAL, 20, scale)
    return {
        "without": Training(model="resnet_nano", spec=plain, recipe=recipe, per_class=100),
        "with": Training(model="seresnet_nano", spec=gated, recipe=recipe, per_class=100),
    }


CLAIM = Claim(
    name="gating",
    hypothesis="Squeeze-and-excitation gates raise accuracy at nearly equal cost",
    source=(
        "Hu et al. 2017, arXiv:1709.01507, table 2: SE-ResNet-50 errs in 23.3 % of ImageNet, ResNet-50 in 24.8 %, with "
        "0.3 % more multiply-adds."
    ),
    protocol=(
        "seresnet_nano at 16 x 16 pixels, 1,000 images, with a gate at the end of each of its four branches, or the "
        "same net without. AdamW, 1e-3, cosine, 32 images a step, 20 epochs, weight decay 0.05, shifts and mirror "
        f"images. Nearly equal cost: less than {_DEAR} times the MACs."
    ),
    arms=_arms,
    contrasts=(
        Contrast(text="accuracy: with - without", plus=("with",), minus=("without",)),
        Contrast(
            text=f"MACs: without / with, above 1 / {_DEAR}",
            plus=("without",),
            minus=("with",),
            quantity="MACs",
            ratio=True,
            above=1 / _DEAR,
        ),
    ),
)
