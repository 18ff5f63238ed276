"""What classifiers in the middle of a deep net do to the gradients of its beginning."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from anmok.backbone import Backbone
from anmok.catalogue import create_model
from anmok.claims.claim import TEST, TRAINING, Claim, Contrast, Record
from anmok.claims.material import Sample
from anmok.claims.training import BARE, Training, lasting, spec_of
from anmok.training.classifier import ImageClassifier
from anmok.training.losses import Losses

_MODEL = "googlenet_2014"
_MODULES = ("stem", "stages.1.3a")
_BEFORE, _AFTER, _ALONE = "at initialisation", "after training", ", last head alone"
_IMAGES = 256


def _gradient(module: str, when: str) -> str:
    return f"gradient of {module}, {when}"


def _gradients(when: str, network: ImageClassifier, train: Sample, test: Sample) -> Record:
    """Norms of gradients, of all heads' loss and of the last one's alone; the network stays as it is."""
    some = train.first(_IMAGES)
    losses = Losses(BARE, distilled=False)
    norms: Record = {}
    for which, heads in (("", slice(None)), (_ALONE, slice(1))):
        copy = deepcopy(network).train()
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            answers = copy.training_logits(some.images)[heads]
        (losses(answers, torch.from_numpy(some.labels), None) / len(some.labels)).backward()
        for name in _MODULES:
            parts = [p.grad.norm() for p in copy.backbone.get_submodule(name).parameters() if p.grad is not None]
            norms[_gradient(name, when + which)] = float(torch.stack(parts).norm())
    return norms


def _start_alike(network: Backbone, seed: int) -> None:
    """All but the auxiliary heads starts as it does without them."""
    torch.manual_seed(seed)
    spec: Any = network.spec
    plain = create_model(_MODEL, spec=replace(spec, auxiliary=False), num_classes=network.num_classes)
    network.load_state_dict(plain.state_dict(), strict=False)


def _arms(scale: float) -> Mapping[str, Training]:
    full = spec_of(_MODEL, 32)
    narrow = replace(
        full,
        modules=tuple(tuple(type(row)(*(n // 4 for n in row)) for row in stage) for stage in full.modules),
        stem_widths=(16, 16, 48),
        stem_kernel=3,
        stem_stride=1,
        auxiliary_hidden=256,
    )
    return {
        name: Training(
            model=_MODEL,
            spec=replace(narrow, auxiliary=name == "with"),
            recipe=lasting(BARE, 5, scale),
            per_class=200,
            alter=_start_alike,
            before=partial(_gradients, _BEFORE),
            after=partial(_gradients, _AFTER),
        )
        for name in ("without", "with")
    }


CLAIM = Claim(
    name="auxiliary",
    hypothesis="Auxiliary heads raise the gradient of early layers",
    source="Szegedy et al. 2014, arXiv:1409.4842, sec. 5: they increase the gradient signal on its way back.",
    protocol=(
        "The paper's net of nine modules without batch norm, a quarter as wide, at 32 x 32 pixels and with a 3 x 3 "
        "stem without stride, 2,000 images; its heads follow the modules 4a and 4d. Both nets of a pair start from "
        "the same weights. The Euclidean norm of the gradient of the whole training loss (auxiliary heads: weight "
        "0.3), over the weights of a part (stages.1.3a: the first module), for 256 training images, at "
        "initialisation and after training; AdamW, 1e-3, cosine, 32 images a step, 5 epochs. Two trained nets learnt "
        "differently; so the share of the heads in the gradient of one net is given, too."
    ),
    arms=_arms,
    shown=(TRAINING, TEST),
    contrasts=(
        *(
            Contrast(
                text=f"{module}, {when}: with / without",
                plus=("with",),
                minus=("without",),
                quantity=_gradient(module, when),
                ratio=True,
            )
            for module in _MODULES
            for when in (_BEFORE, _AFTER)
        ),
        *(
            Contrast(
                text=f"{module}, {_AFTER}, with: whole loss / last head's alone",
                plus=("with",),
                minus=("with",),
                quantity=_gradient(module, _AFTER),
                against=_gradient(module, _AFTER + _ALONE),
                decides=False,
                ratio=True,
            )
            for module in _MODULES
        ),
    ),
)
