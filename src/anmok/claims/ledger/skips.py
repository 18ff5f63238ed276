"""What the skips of a U-Net do to the place that an output pixel sees."""

from collections.abc import Mapping
from functools import partial

from anmok.catalogue import create_segmenter
from anmok.claims.claim import Claim, Contrast, Record, Situation
from anmok.claims.measurement import Measurement, some_images
from anmok.probes.skips import EFFECT, WITH, WITHOUT, skip_connections

_SIDE = 64
_MODELS = ("unet_nano", "resnet_nano", "vit_nano")


def _measure(model: str, situation: Situation) -> Record:
    size = None if model.startswith("unet") else _SIDE
    network = create_segmenter(model, num_classes=2, img_size=size).eval()
    images = some_images(situation, _SIDE, 4).images
    return {row.metric: row.value for row in skip_connections(network, images, seed=situation.seed)}


def _arms(scale: float) -> Mapping[str, Measurement]:
    return {model: Measurement(partial(_measure, model)) for model in _MODELS}


CLAIM = Claim(
    name="skips",
    hypothesis="The skips of a U-Net restore locality: without them an output pixel sees a wider part of the image",
    source="Ronneberger et al. 2015, arXiv:1505.04597, sec. 2: merged with high-resolution features it can localise.",
    protocol=(
        "Untrained U-Nets at 64 x 64 pixels: that of 2015 made small (unet_nano), and the padded form over a CNN "
        "(resnet_nano) and a ViT (vit_nano). Radius of the disc around an output pixel that holds half of the energy "
        "of its gradient, of 4 images, with the skips and with zeros in place of all of them."
    ),
    arms=_arms,
    trains=False,
    shown=(EFFECT.name,),
    contrasts=tuple(
        Contrast(
            text=f"radius of {model}, px: without - with",
            plus=(model,),
            minus=(model,),
            quantity=WITHOUT.name,
            against=WITH.name,
        )
        for model in _MODELS
    ),
)
