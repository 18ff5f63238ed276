"""What augmentation and regularisation give to a ViT and to a CNN."""

from collections.abc import Mapping
from dataclasses import replace

from anmok.claims.claim import Claim, Contrast
from anmok.claims.training import BARE, Training, lasting, spec_of
from anmok.data import Augmentation


def _arms(scale: float) -> Mapping[str, Training]:
    bare = lasting(BARE, 60, scale)
    augreg = replace(bare, augmentation=Augmentation.FLIP_CROP, mixup=0.2, weight_decay=0.1)
    arms = {}
    for name, model in (("ViT", "vit_nano"), ("CNN", "resnet_nano")):
        spec = spec_of(model, 16)
        regular = replace(spec, drop_rate=0.1, drop_path_rate=0.1)
        arms[f"{name}, bare"] = Training(model=model, spec=spec, recipe=bare, per_class=40)
        arms[f"{name}, augreg"] = Training(model=model, spec=regular, recipe=augreg, per_class=40)
    return arms


CLAIM = Claim(
    name="augmentation",
    hypothesis="Augmentation and regularisation help a ViT more than a CNN of equal size",
    source=(
        "Steiner et al. 2022, arXiv:2106.10270: the weaker inductive bias of a ViT makes it rely more on augmentation "
        "and regularisation where training data are few."
    ),
    protocol=(
        "vit_nano and resnet_nano, 1.0 M parameters each, at 16 x 16 pixels, 400 images; AdamW, 1e-3, cosine, 32 "
        "images a step, 60 epochs. `bare` has no augmentation, no decay and nothing dropped; `augreg` has shifts and "
        "mirror images, mixup 0.2, weight decay 0.1, dropout 0.1 before the head and stochastic depth 0.1: the "
        "paper's light2 without RandAugment, under which so short a training hardly learns."
    ),
    arms=_arms,
    contrasts=(
        Contrast(
            text="gain of the ViT - gain of the CNN",
            plus=("ViT, augreg", "CNN, bare"),
            minus=("ViT, bare", "CNN, augreg"),
        ),
        Contrast(text="gain of the ViT", plus=("ViT, augreg",), minus=("ViT, bare",), decides=False),
        Contrast(text="gain of the CNN", plus=("CNN, augreg",), minus=("CNN, bare",), decides=False),
    ),
)
