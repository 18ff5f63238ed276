"""What a CNN can teach a small ViT."""

from collections.abc import Mapping
from dataclasses import replace

from anmok.claims.claim import Claim, Contrast
from anmok.claims.training import USUAL, Training, lasting, spec_of
from anmok.training.recipe import Distillation


def _arms(scale: float) -> Mapping[str, Training]:
    recipe = replace(lasting(USUAL, 30, scale), label_smoothing=0.1, mixup=0.8, cutmix=1.0)
    hard = replace(recipe, distillation=Distillation.HARD)
    cnn, vit = spec_of("resnet_nano", 16), spec_of("deit_nano", 16)
    return {
        "teacher": Training(model="resnet_nano", spec=cnn, recipe=recipe, per_class=100),
        "plain": Training(model="deit_nano", spec=replace(vit, distilled=False), recipe=recipe, per_class=100),
        "distilled": Training(model="deit_nano", spec=vit, recipe=hard, per_class=100, teacher="teacher"),
    }


CLAIM = Claim(
    name="distillation",
    hypothesis="Distillation from a CNN lifts a small ViT above its plain twin",
    source="Touvron et al. 2021, arXiv:2012.12877, table 3: hard distillation through a token of its own.",
    protocol=(
        "deit_nano, 1.0 M parameters, at 16 x 16 pixels, 1,000 images, with one class token and the labels alone, or "
        "with a distillation token that learns the teacher's answer (weight 0.5) on the image that the student sees. "
        "The teacher is a resnet_nano, trained before on the same images. All three: AdamW, 1e-3, cosine, 32 images a "
        "step, 30 epochs, weight decay 0.05, label smoothing 0.1, shifts and mirror images, mixup 0.8 and CutMix 1."
    ),
    arms=_arms,
    contrasts=(
        Contrast(text="distilled - plain", plus=("distilled",), minus=("plain",)),
        Contrast(text="teacher - plain", plus=("teacher",), minus=("plain",), decides=False),
    ),
)
