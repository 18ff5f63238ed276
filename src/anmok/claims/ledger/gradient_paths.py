"""What shortcuts do to gradients, and to the loss of a block."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.claims.claim import Arm, Claim, Contrast, Record, Situation
from anmok.claims.ledger.shortcuts import PAPER
from anmok.claims.material import Sample
from anmok.claims.measurement import Measurement, some_images
from anmok.claims.training import Training, lasting, spec_of
from anmok.probes import Subject
from anmok.probes.gradient_flow import SHATTERING, SLOPE, gradient_flow
from anmok.probes.lesions import lesions
from anmok.training.classifier import ImageClassifier

_SIDE = 16
_FLOW_IMAGES = 8
_BEND = "steepness of the gradient"
_SMOOTHNESS = "gradient autocorrelation"
_LESION = "median lesion"


def _flow(network: nn.Module, sample: Sample, seed: int) -> Record:
    found = {row.metric: row.value for row in gradient_flow(network, sample.images, seed=seed)}
    return {_BEND: abs(found[SLOPE.name]), _SMOOTHNESS: found[SHATTERING.name]}


def _untrained(model: str, situation: Situation) -> Record:
    """With branches at full strength, and the statistics of some images in the norms."""
    network = create_model(model, spec=spec_of(model, _SIDE), num_classes=10)
    sample = some_images(situation, _SIDE, 64)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.ones_(norm.weight)
            norm.momentum = 1.0
    with torch.no_grad():
        network.train()(sample.images)
    return _flow(network.eval(), sample.first(_FLOW_IMAGES), situation.seed)


def _trained(network: ImageClassifier, train: Sample, test: Sample) -> Record:
    subject = Subject(
        name=network.config.model,
        network=network,
        pixels=torch.from_numpy(test.first(200).pixels),
        labels=torch.from_numpy(test.first(200).labels),
        source="test images",
        trained=True,
    )
    median, _ = lesions(subject)
    return {**_flow(network, train.first(_FLOW_IMAGES), 0), _LESION: median.value}


def _arms(scale: float) -> Mapping[str, Arm]:
    kinds = ("plain", "resnet")
    untrained = {f"{kind}-56, untrained": Measurement(partial(_untrained, f"cifar_{kind}56")) for kind in kinds}
    trained = {
        f"{kind}-20, trained": Training(
            model=f"cifar_{kind}20",
            spec=spec_of(f"cifar_{kind}20", _SIDE),
            recipe=lasting(PAPER, 10, scale),
            per_class=100,
            after=_trained,
        )
        for kind in kinds
    }
    return {**untrained, **trained}


def _contrasts(net: str) -> tuple[Contrast, Contrast]:
    plain, residual = f"plain-{net}", f"resnet-{net}"
    return (
        Contrast(text=f"{_BEND}, {net}: plain - resnet", plus=(plain,), minus=(residual,), quantity=_BEND),
        Contrast(text=f"{_SMOOTHNESS}, {net}: resnet - plain", plus=(residual,), minus=(plain,), quantity=_SMOOTHNESS),
    )


CLAIM = Claim(
    name="gradient-paths",
    hypothesis="Shortcuts keep gradients alive and smooth, and make single blocks dispensable",
    source=(
        "He et al. 2016, arXiv:1603.05027, eq. 5; Balduzzi et al. 2017, arXiv:1702.08591, fig. 1; Veit et al. 2016, "
        "arXiv:1605.06431, sec. 4.1."
    ),
    protocol=(
        "The CIFAR nets of He et al. at 16 x 16 pixels, plain and residual. Untrained with 56 layers: branches at full "
        "strength, norms that know the statistics of 64 images. Trained with 20 layers: as in `shortcuts`. Steepness: "
        "|slope| of ln |dL/dh| over the blocks, of 8 images; autocorrelation: of the gradient along lines between "
        "images (1: smooth, 0: white noise); lesion: rise of the error, in points, when a block of the trained net "
        "hands on what it takes, median over blocks, 200 test images."
    ),
    arms=_arms,
    contrasts=(
        *_contrasts("56, untrained"),
        *_contrasts("20, trained"),
        Contrast(
            text=f"{_LESION}: plain - resnet",
            plus=("plain-20, trained",),
            minus=("resnet-20, trained",),
            quantity=_LESION,
        ),
    ),
)
