"""Images as the networks saw them, small enough to lie inside the page."""

import base64
import io

import numpy as np
from einops import rearrange
from jaxtyping import UInt8
from PIL import Image

SIDE = 96  # pixels, at most
_LOSSLESS = 32  # pixels; up to here PNG is as small as JPEG and has no artefacts


def thumbnail(pixels: UInt8[np.ndarray, "c height width"]) -> str:
    """An image as a data URI: PNG when it is tiny, else JPEG."""
    image = Image.fromarray(rearrange(pixels, "c height width -> height width c"))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    form = "png" if max(image.size) <= _LOSSLESS else "jpeg"
    image.save(buffer, form, optimize=True, **({} if form == "png" else {"quality": 85}))
    return f"data:image/{form};base64,{base64.b64encode(buffer.getvalue()).decode()}"
