"""The experiments of `effects`: what a paper says, how it is put to the test, and what would support it."""

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import Any

from claims import Contrast, Experiment

from anmok.catalogue import require_model
from anmok.data import Augmentation
from anmok.training.recipe import Distillation, Optimizer, Precision, Recipe, Schedule
from training import AFTER, ALONE, BEFORE, Arm, gradient


def _spec(model: str, side: int) -> Any:
    return replace(require_model(model).spec, img_size=(side, side))


# Nothing that hides what is compared: no smoothing, no decay, no augmentation; the same arithmetic on every machine.
_BARE = Recipe(
    learning_rate=1e-3,
    weight_decay=0.0,
    label_smoothing=0.0,
    augmentation=Augmentation.NONE,
    precision=Precision.FP32,
)


def _shortcuts(scale: float) -> Experiment:
    recipe = replace(
        _BARE,
        epochs=ceil(15 * scale),
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
    models = {f"{kind}-{depth}": f"cifar_{kind}{depth}" for depth in (20, 56) for kind in ("plain", "resnet")}
    arms = {
        name: Arm(model=model, spec=_spec(model, 16), recipe=recipe, per_class=200) for name, model in models.items()
    }
    return Experiment(
        claim="Shortcuts rescue the 56-layer plain net",
        source=(
            "He et al. 2016, arXiv:1512.03385, sec. 4.2 and fig. 6: 56 plain layers have a higher training error than "
            "20, 56 residual layers have not."
        ),
        protocol=(
            "The paper's CIFAR nets at 16 x 16 pixels, with shortcuts (option A; each branch starts at zero, Goyal et "
            "al. 2017) and without. Its recipe, shortened: SGD, learning rate 0.1 at 128 images a step, a tenth of it "
            "after one half and after three quarters of the epochs, weight decay 1e-4, shifts and mirror images. So "
            "short a training shows how a net begins to learn, not where it would end. Training accuracy is that of "
            "the last weights on unchanged training images."
        ),
        arms=arms,
        contrasts=tuple(
            Contrast(
                text=f"{high} - {low}, {split}",
                plus=(high,),
                minus=(low,),
                quantity=f"{split} accuracy",
                decides=split == "training" and low == "plain-56",
            )
            for split in ("training", "test")
            for high, low in (("plain-20", "plain-56"), ("resnet-56", "plain-56"), ("resnet-56", "resnet-20"))
        ),
    )


def _augreg(scale: float) -> Experiment:
    bare = replace(_BARE, epochs=ceil(100 * scale))
    augreg = replace(bare, augmentation=Augmentation.FLIP_CROP, mixup=0.2, weight_decay=0.1)
    arms = {}
    for name, model in (("ViT", "vit_nano"), ("CNN", "resnet_nano")):
        spec = _spec(model, 16)
        regular = replace(spec, drop_rate=0.1, drop_path_rate=0.1)
        arms[f"{name}, bare"] = Arm(model=model, spec=spec, recipe=bare, per_class=40)
        arms[f"{name}, augreg"] = Arm(model=model, spec=regular, recipe=augreg, per_class=40)
    return Experiment(
        claim="Augmentation and regularisation help a ViT more than a CNN of equal size",
        source=(
            "Steiner et al. 2022, arXiv:2106.10270: the weaker inductive bias of a ViT makes it rely more on "
            "augmentation and regularisation where training data are few."
        ),
        protocol=(
            "vit_nano and resnet_nano, 1.0 M parameters each, at 16 x 16 pixels; AdamW, 1e-3, cosine, 32 images a "
            "step. `bare` has no augmentation, no decay and nothing dropped; `augreg` has "
            "shifts and mirror images, mixup 0.2, weight decay 0.1, dropout 0.1 before the head and stochastic depth "
            "0.1: the paper's light2 without RandAugment, under which so short a training hardly learns."
        ),
        arms=arms,
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


def _distillation(scale: float) -> Experiment:
    recipe = replace(
        _BARE,
        epochs=ceil(40 * scale),
        weight_decay=0.05,
        label_smoothing=0.1,
        augmentation=Augmentation.FLIP_CROP,
        mixup=0.8,
        cutmix=1.0,
    )
    hard = replace(recipe, distillation=Distillation.HARD)
    cnn, vit = _spec("resnet_nano", 16), _spec("deit_nano", 16)
    return Experiment(
        claim="Distillation from a CNN lifts a small ViT above its plain twin",
        source="Touvron et al. 2021, arXiv:2012.12877, table 3: hard distillation through a token of its own.",
        protocol=(
            "deit_nano, 1.0 M parameters, at 16 x 16 pixels, with one class token and the labels alone, or with a "
            "distillation token that learns the teacher's answer (weight 0.5) on the image that the student sees. The "
            "teacher is a resnet_nano, trained before on the same images. All three: AdamW, 1e-3, cosine, 32 images "
            "a step, weight decay 0.05, label smoothing 0.1, shifts and mirror images, mixup 0.8 and CutMix 1."
        ),
        arms={
            "teacher": Arm(model="resnet_nano", spec=cnn, recipe=recipe, per_class=100, teaches=True),
            "plain": Arm(model="deit_nano", spec=replace(vit, distilled=False), recipe=recipe, per_class=100),
            "distilled": Arm(model="deit_nano", spec=vit, recipe=hard, per_class=100, teacher="teacher"),
        },
        contrasts=(
            Contrast(text="distilled - plain", plus=("distilled",), minus=("plain",)),
            Contrast(text="teacher - plain", plus=("teacher",), minus=("plain",), decides=False),
        ),
    )


def _scaling(scale: float) -> Experiment:
    nano = _spec("efficientnet_nano", 20)
    *rows, last = nano.rows
    base = replace(nano, rows=(*rows, replace(last, stride=1))).scaled(width=0.6)
    specs = {
        "unscaled": base,
        "depth": base.scaled(depth=2.0),
        "width": base.scaled(width=1.5),
        "resolution": base.scaled(resolution=1.4),
        "compound": base.scaled(depth=1.2, width=1.1, resolution=1.15),
    }
    recipe = replace(_BARE, epochs=ceil(15 * scale), weight_decay=0.05, augmentation=Augmentation.FLIP_CROP)
    arms = {
        name: Arm(model="efficientnet_nano", spec=spec, recipe=recipe, per_class=100) for name, spec in specs.items()
    }
    return Experiment(
        claim="Compound scaling beats scaling one axis at equal MACs",
        source="Tan & Le 2019, arXiv:1905.11946, table 7 and sec. 3.3.",
        protocol=(
            "efficientnet_nano with 0.6 times the channels and no stride in its last row, so that the last map of a "
            "20 x 20 image has 5 x 5 places and can grow in small steps. `compound` has the paper's 1.2, 1.1 and 1.15 "
            "(phi = 1); the others scale one axis to the count of MACs that is nearest to it, as layers, channels and "
            "pixels come in whole numbers. AdamW, 1e-3, cosine, 32 images a step, weight decay 0.05, shifts and "
            "mirror images."
        ),
        arms=arms,
        contrasts=tuple(
            Contrast(text=f"compound - {axis}", plus=("compound",), minus=(axis,), decides=axis != "unscaled")
            for axis in ("depth", "width", "resolution", "unscaled")
        ),
    )


def _auxiliary(scale: float) -> Experiment:
    full = _spec("googlenet_2014", 32)
    narrow = replace(
        full,
        modules=tuple(tuple(type(row)(*(n // 4 for n in row)) for row in stage) for stage in full.modules),
        stem_widths=(16, 16, 48),
        stem_kernel=3,
        stem_stride=1,
        auxiliary_hidden=256,
    )
    modules = ("stem", "stages.1.3a")
    arms = {
        name: Arm(
            model="googlenet_2014",
            spec=replace(narrow, auxiliary=name == "with"),
            recipe=replace(_BARE, epochs=ceil(1 * scale)),
            per_class=400,
            gradients=modules,
        )
        for name in ("without", "with")
    }
    between = [
        Contrast(
            text=f"{module}, {when}: with / without",
            plus=("with",),
            minus=("without",),
            quantity=gradient(module, when),
            ratio=True,
        )
        for module in modules
        for when in (BEFORE, AFTER)
    ]
    within = [
        Contrast(
            text=f"{module}, {AFTER}, with: whole loss / last head's alone",
            plus=("with",),
            minus=("with",),
            quantity=gradient(module, AFTER),
            against=gradient(module, AFTER + ALONE),
            decides=False,
            ratio=True,
        )
        for module in modules
    ]
    return Experiment(
        claim="Auxiliary heads raise the gradient of early layers",
        source="Szegedy et al. 2014, arXiv:1409.4842, sec. 5: they increase the gradient signal on its way back.",
        protocol=(
            "The paper's net of nine modules without batch norm, a quarter as wide, at 32 x 32 pixels and with a 3 x 3 "
            "stem without stride; its heads follow the modules 4a and 4d. Both nets of a pair start from the same "
            "weights. The Euclidean norm of the gradient of the whole training loss (auxiliary heads: weight 0.3), "
            "over the weights of a part (stages.1.3a: the first module), for 256 training images, at initialisation "
            "and after training; AdamW, 1e-3, cosine, 32 images a step. Two trained nets learnt differently; so the "
            "share of the heads in the gradient of one net is given, too."
        ),
        arms=arms,
        contrasts=(*between, *within),
    )


EXPERIMENTS: dict[str, Callable[[float], Experiment]] = {
    "shortcuts": _shortcuts,
    "augreg": _augreg,
    "distillation": _distillation,
    "auxiliary": _auxiliary,
    "scaling": _scaling,
}
