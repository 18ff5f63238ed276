"""Degradation: what depth alone does to a plain net."""

from collections.abc import Mapping
from dataclasses import replace

from anmok.claims.claim import TEST, TRAINING, Claim, Contrast
from anmok.claims.training import BARE, Training, lasting, spec_of
from anmok.data import Augmentation
from anmok.training.recipe import Optimizer, Schedule

PAPER = replace(
    BARE,
    batch_size=64,
    optimizer=Optimizer.SGD,
    learning_rate=0.1,
    learning_rate_batch=128,
    weight_decay=1e-4,
    clip_norm=0.0,
    warmup=0.0,
    schedule=Schedule.STEP,
    milestones=(0.5, 0.75),
    augmentation=Augmentation.FLIP_CROP,
)


def _arms(scale: float) -> Mapping[str, Training]:
    models = {"plain-20": "cifar_plain20", "plain-56": "cifar_plain56", "resnet-56": "cifar_resnet56"}
    recipe = lasting(PAPER, 10, scale)
    return {
        name: Training(model=model, spec=spec_of(model, 16), recipe=recipe, per_class=100)
        for name, model in models.items()
    }


CLAIM = Claim(
    name="shortcuts",
    hypothesis="Shortcuts rescue the 56-layer plain net",
    source=(
        "He et al. 2016, arXiv:1512.03385, sec. 4.2 and fig. 6: 56 plain layers have a higher training error than 20, "
        "56 residual layers have not."
    ),
    protocol=(
        "The paper's CIFAR nets at 16 x 16 pixels, 1,000 images, with shortcuts (option A; each branch starts at zero, "
        "Goyal et al. 2017) and without. Its recipe, shortened: SGD, learning rate 0.1 at 128 images a step, a tenth "
        "of it after one half and after three quarters of the 10 epochs, weight decay 1e-4, shifts and mirror images. "
        "So short a training shows how a net begins to learn, not where it would end."
    ),
    arms=_arms,
    contrasts=tuple(
        Contrast(
            text=f"{high} - plain-56, {quantity}",
            plus=(high,),
            minus=("plain-56",),
            quantity=quantity,
            decides=quantity == TRAINING,
        )
        for quantity in (TRAINING, TEST)
        for high in ("plain-20", "resnet-56")
    ),
)
