"""Where a convolutional net knows positions from."""

from collections.abc import Mapping
from functools import partial

from torch import nn

from anmok.catalogue import create_model
from anmok.claims.claim import Claim, Contrast, Record, Situation
from anmok.claims.measurement import Measurement, some_images
from anmok.claims.training import spec_of
from anmok.probes.position import LAST, position_readout

_MODEL, _SIDE = "cifar_plain20", 32


def _measure(mode: str, situation: Situation) -> Record:
    network = create_model(_MODEL, spec=spec_of(_MODEL, _SIDE), num_classes=10).eval()
    for conv in network.modules():
        if isinstance(conv, nn.Conv2d):
            conv.padding_mode = mode  # type: ignore[assignment]
    images = some_images(situation, _SIDE, 64).images
    last, most = position_readout(network, images, seed=situation.seed)
    return {last.metric: last.value, most.metric: most.value}


def _arms(scale: float) -> Mapping[str, Measurement]:
    return {"zeros": Measurement(partial(_measure, "zeros")), "circular": Measurement(partial(_measure, "circular"))}


CLAIM = Claim(
    name="padding",
    hypothesis="Zero padding tells convolutions where they are",
    source="Islam, Jia & Bruce 2020, arXiv:2001.08248, sec. 3.3: without padding no position can be read out.",
    protocol=(
        "cifar_plain20 at 32 x 32 pixels, untrained, padded with zeros or around (circular); the same weights. R2 of "
        "the row and column of a place, read linearly from the last map; 64 images, each rolled by an offset of its "
        "own, half of them held out. 0 is what features without position give."
    ),
    arms=_arms,
    trains=False,
    shown=("position readout at most",),
    contrasts=(
        Contrast(text="R2: zeros - circular", plus=("zeros",), minus=("circular",), quantity=LAST.name),
        Contrast(text="R2 with circular padding", plus=("circular",), minus=(), quantity=LAST.name, decides=False),
    ),
)
