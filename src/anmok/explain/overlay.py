"""Heat over an image."""

from pathlib import Path

import numpy as np
from einops import rearrange, repeat
from jaxtyping import Float, UInt8
from PIL import Image

from anmok.data.atomic import written_whole

# From cold to hot: violet, red, orange, yellow; ever lighter, so that it is read without colours too.
_COLOURS = np.array([(70, 20, 120), (200, 40, 90), (250, 130, 40), (255, 235, 100)], dtype=float)
_LUMA = np.array((0.299, 0.587, 0.114))
_COVER = 0.75  # of the image behind the hottest pixel


def overlay(
    pixels: UInt8[np.ndarray, "c height width"], heat: Float[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "3 height width"]:
    """Draw the image in grey and over it the heat, in colours; what is cold stays as it is.

    Heat lies in [0, 1], and is resampled to the image.
    """
    height, width = pixels.shape[1:]
    smooth = Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    warm = np.asarray(smooth, dtype=float).clip(0, 1)
    image = repeat(_grey(pixels), "height width -> height width c", c=3)
    cover = _COVER * rearrange(warm, "height width -> height width 1")
    mixed = (1 - cover) * image + cover * _colours(warm)
    return rearrange(mixed.round().astype(np.uint8), "height width c -> c height width")


def write_overlay(path: Path, pixels: UInt8[np.ndarray, "c height width"], heat: Float[np.ndarray, "h w"]) -> None:
    """Write it as PNG, beside the image itself; raises `OSError` where that cannot be done."""
    plain = repeat(pixels, "1 height width -> c height width", c=3) if len(pixels) == 1 else pixels
    both = np.concatenate((plain, overlay(pixels, heat)), axis=2)
    with written_whole(path) as partial:
        Image.fromarray(rearrange(both, "c height width -> height width c")).save(partial, "png")


def _grey(pixels: UInt8[np.ndarray, "c height width"]) -> Float[np.ndarray, "height width"]:
    weights = _LUMA if len(pixels) == 3 else np.full(len(pixels), 1 / len(pixels))
    return np.tensordot(weights, pixels.astype(float), axes=1)


def _colours(heat: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width 3"]:
    stops = np.linspace(0, 1, len(_COLOURS))
    return np.stack([np.interp(heat, stops, channel) for channel in _COLOURS.T], axis=-1)
