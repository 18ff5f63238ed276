"""Masks over their images, for people to look at."""

from io import BytesIO

import numpy as np
from jaxtyping import Bool
from PIL import Image

from anmok.data.decode import RgbImage
from anmok.data.mask_files import IGNORED, Mask

TRUE, PREDICTED, WRONG = (0, 114, 255), (255, 140, 0), (230, 0, 60)  # blue, orange, red
LEGEND = "the true contours are blue, those that were predicted orange; on the right, wrong pixels are red"
SIDE = 280  # pixels of the longer side of an image, at most
_COLOURS = 128  # of a picture, which is a third as large for it


def draw_masks(pixels: RgbImage, true: Mask, predicted: Mask) -> bytes:
    """A PNG of the image with both contours and, beside it, in grey with the wrong pixels in red."""
    height, width = true.shape
    share = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    masks = [np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)) for mask in (true, predicted)]
    left, right = small.copy(), np.repeat(small.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    known = masks[0] != IGNORED
    for mask, colour in zip(masks, (TRUE, PREDICTED), strict=True):
        left[contours(mask) & known] = colour
    right[(masks[0] != masks[1]) & known] = WRONG
    buffer = BytesIO()
    Image.fromarray(np.concatenate((left, right), axis=1)).quantize(_COLOURS).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def contours(mask: Mask) -> Bool[np.ndarray, "height width"]:
    """Pixels whose right or lower neighbour has another class."""
    found = np.zeros(mask.shape, dtype=bool)
    found[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    found[:-1] |= mask[:-1] != mask[1:]
    return found
