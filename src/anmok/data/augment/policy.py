"""What is done to a training image, and in which order."""

from dataclasses import dataclass
from enum import StrEnum

from anmok.data.augment.elastic import deformed
from anmok.data.augment.erasing import erased
from anmok.data.augment.geometry import shifted
from anmok.data.augment.jitter import jittered
from anmok.data.augment.randaugment import RandAugment
from anmok.data.draws import Draws
from anmok.shapes import Images, Pixels


class Augmentation(StrEnum):
    """Which part of an image is seen, anew in each epoch."""

    NONE = "none"
    CROP = "crop"  # shift by up to `Variation.shift` of the side
    FLIP_CROP = "flip-crop"  # the same, and mirror in every other epoch
    RESIZED_CROP = "resized-crop"  # a part of random area and shape; taken where images are decoded, not here
    FLIP_RESIZED_CROP = "flip-resized-crop"  # the same, and mirror in every other epoch


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How the views of training images differ."""

    augmentation: Augmentation = Augmentation.NONE
    shift: float = 0.125  # of the side, at most
    randaugment_layers: int = 0
    randaugment_magnitude: float = 9.0  # 0 to 30; 10 is the strongest that AutoAugment knows
    randaugment_deviation: float = 0.5  # of the magnitude
    randaugment_probability: float = 1.0  # that a layer changes an image
    elastic: float = 0.0  # pixels, standard deviation of random displacements
    color_jitter: float = 0.0  # how far the factors for brightness, contrast and saturation lie from 1, at most
    erasing: float = 0.0  # probability that a rectangle is erased


def vary(pixels: Pixels, variation: Variation, draws: Draws) -> Images:
    """Give each image its view, in [0, 1]: shift and mirror, deform, RandAugment, colour jitter, erasing."""
    augmentation = variation.augmentation
    shift = variation.shift if augmentation in (Augmentation.CROP, Augmentation.FLIP_CROP) else 0.0
    mirror = augmentation in (Augmentation.FLIP_CROP, Augmentation.FLIP_RESIZED_CROP)
    if shift or mirror:
        pixels = shifted(pixels, draws, shift=shift, mirror=mirror)
    if variation.elastic:
        pixels = deformed(pixels, draws, variation.elastic)
    if variation.randaugment_layers:
        policy = RandAugment(
            variation.randaugment_layers,
            variation.randaugment_magnitude,
            variation.randaugment_deviation,
            variation.randaugment_probability,
        )
        pixels = policy(pixels, draws)
    if variation.color_jitter:
        pixels = jittered(pixels, variation.color_jitter, draws)
    images = pixels.float().div_(255)
    return erased(images, variation.erasing, draws) if variation.erasing else images
