"""Any image file -> upright 8-bit RGB pixels."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from anmok.errors import DataError

RgbImage: TypeAlias = UInt8[np.ndarray, "height width 3"]

_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_QUARTER_TURNS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
# What Pillow's parsers are known to let through when bytes are missing or wrong.
_DAMAGE = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(OverflowError, ZeroDivisionError, MemoryError, RuntimeError, struct.error, zlib.error),
)


class Decoded(NamedTuple):
    """Pixels, and the size of the whole image, which is larger if a JPEG was decoded at reduced scale."""

    pixels: RgbImage
    height: int
    width: int


def decode(file: Path | BytesIO, *, at_least: int | None = None) -> Decoded:
    """Decode an image upright, its transparency on white, 16 bits scaled to 8.

    With `at_least`, a JPEG is decoded at the smallest of the scales 1, 1/2, 1/4, 1/8 that leaves both sides
    at least so long: all its bytes are still read, in a fraction of the time.

    Raises
    ------
    OSError
        The file cannot be decoded; the text is the reason alone, without the name of the file.

    """
    with plain_reasons(), Image.open(file) as image:
        return _decode(image, at_least)


@contextmanager
def plain_reasons() -> Iterator[None]:
    """Turn what Pillow raises on a damaged image into an OSError whose text is the reason alone."""
    try:
        yield
    except UnidentifiedImageError:
        raise OSError("it is not an image of a known kind") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise OSError("it has so many pixels that it may be a decompression bomb") from None
    except _DAMAGE as error:
        raise OSError(_reason(error)) from error


def read_image(path: Path, *, at_least: int | None = None) -> RgbImage:
    """Decode one file; `at_least` as in `decode`.

    Raises
    ------
    DataError
        The file cannot be decoded; the message names it.

    """
    try:
        return decode(path, at_least=at_least).pixels
    except OSError as error:
        raise unreadable(str(path), error) from error


def unreadable(path: str, error: OSError) -> DataError:
    """Name the file that `decode` refused."""
    return DataError(f"The image '{path}' cannot be read: {error}. Replace or delete the file.")


def _decode(image: Image.Image, at_least: int | None) -> Decoded:
    width, height = whole = image.size
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) in _QUARTER_TURNS
    if at_least is not None:
        image.draft(None, (at_least, at_least))
    reduced = image.size != whole  # JPEGs only; Pillow turns a TIFF, and its size, by itself
    ImageOps.exif_transpose(image, in_place=True)
    pixels = _rgb(image)
    if not reduced:
        height, width = pixels.shape[:2]
    elif turned:
        height, width = width, height
    return Decoded(pixels, height, width)


def _rgb(image: Image.Image) -> RgbImage:
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers without a defined white")
    if image.mode in _SIXTEEN_BIT:
        levels = np.asarray(image).astype(np.int64).clip(0, 65535)
        grey = ((levels + 128) // 257).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, "white")
        opaque.alpha_composite(image.convert("RGBA"))
        image = opaque
    return np.array(image.convert("RGB"))


def _reason(error: BaseException) -> str:
    """Pillow's words as the end of a sentence."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    words = str(error).strip().rstrip(".")
    return words or type(error).__name__
