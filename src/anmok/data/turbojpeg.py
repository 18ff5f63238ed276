"""libjpeg-turbo 3, which decodes a region of a JPEG without the rest.

The library is found where the wheel `turbojpeg` brought it, or where the system, conda or Homebrew has it. Calls
go through ctypes, which frees the interpreter's lock while the library works.
"""

import ctypes
import re
import sys
import threading
from collections.abc import Iterator
from ctypes import Structure, c_char_p, c_int, c_size_t, c_void_p
from ctypes.util import find_library
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np

from anmok.data.decode import RgbImage

_DECOMPRESS = 1  # TJINIT_DECOMPRESS
_SUBSAMPLING, _WIDTH = 4, 5  # TJPARAM_SUBSAMP, TJPARAM_JPEGWIDTH
_RGB = 0  # TJPF_RGB
_BLOCK_WIDTHS = (8, 16, 16, 8, 8, 32, 8)  # pixels that are coded together, by subsampling; an unknown one is -1
_IS_LIBRARY = re.compile(r"libturbojpeg.*\.(so|dylib)\b.*|turbojpeg.*\.dll").fullmatch
_PLACES = ("lib", "lib64", "Library/bin")  # under a prefix
_PREFIXES = (sys.prefix, "/opt/homebrew", "/usr/local", "/opt/libjpeg-turbo")


class _Fraction(Structure):
    _fields_ = (("numerator", c_int), ("denominator", c_int))


class _Region(Structure):
    _fields_ = (("left", c_int), ("top", c_int), ("width", c_int), ("height", c_int))


_SIGNATURES = {
    "tj3Destroy": (None, (c_void_p,)),
    "tj3Get": (c_int, (c_void_p, c_int)),
    "tj3DecompressHeader": (c_int, (c_void_p, c_char_p, c_size_t)),
    "tj3SetScalingFactor": (c_int, (c_void_p, _Fraction)),
    "tj3SetCroppingRegion": (c_int, (c_void_p, _Region)),
    "tj3Decompress8": (c_int, (c_void_p, c_char_p, c_size_t, c_void_p, c_int, c_int)),
}


class TurboJpeg:
    """One decoder of the library; it serves one thread at a time."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._handle = library.tj3Init(_DECOMPRESS)
        if not self._handle:
            raise MemoryError("libjpeg-turbo cannot make a decoder")

    def __del__(self) -> None:
        self._library.tj3Destroy(self._handle)

    def region(self, data: bytes, top: int, left: int, shape: tuple[int, int], denominator: int) -> RgbImage | None:
        """Decode `shape` (rows, columns) pixels from (top, left) on, all counted at the scale 1 / denominator.

        The pixels are those that decoding the whole gives, to the bit. None where the library objects to the
        file, be it with a warning: a more tolerant decoder has to judge it.
        """
        library, handle = self._library, self._handle
        if library.tj3DecompressHeader(handle, data, len(data)):
            return None
        block = self._block(denominator)
        if block is None:
            return None
        first = max(left - 1, 0) // block * block
        # A border's column lacks the neighbour from which its colour is interpolated: decode one more on each side.
        last = min(left + shape[1] + 1, self._width(denominator))
        pixels = np.empty((shape[0], last - first, 3), np.uint8)
        failed = (
            library.tj3SetScalingFactor(handle, _Fraction(1, denominator))
            or library.tj3SetCroppingRegion(handle, _Region(first, top, last - first, shape[0]))
            or library.tj3Decompress8(handle, data, len(data), pixels.ctypes.data, 0, _RGB)
        )
        return None if failed else pixels[:, left - first : left - first + shape[1]]

    def _block(self, denominator: int) -> int | None:
        """Columns that only decode together, at this scale."""
        subsampling = self._library.tj3Get(self._handle, _SUBSAMPLING)
        return None if subsampling < 0 else _BLOCK_WIDTHS[subsampling] // denominator

    def _width(self, denominator: int) -> int:
        return -(-self._library.tj3Get(self._handle, _WIDTH) // denominator)


def decoder() -> TurboJpeg | None:
    """Give this thread's decoder, or None where the library is not installed or older than version 3."""
    library = _library()
    if library is None:
        return None
    if not hasattr(_own, "decoder"):
        _own.decoder = TurboJpeg(library)
    found: TurboJpeg = _own.decoder
    return found


_own = threading.local()


@cache
def _library() -> ctypes.CDLL | None:
    for path in _candidates():
        try:
            library = ctypes.CDLL(path)
            library.tj3Init.restype = c_void_p
            library.tj3Init.argtypes = (c_int,)
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError):  # not there, for another processor, or older than 3
            continue
        return library
    return None


def _candidates() -> Iterator[str]:
    try:
        places = [Path(str(file.locate())).parent for file in files("turbojpeg") or ()]
    except PackageNotFoundError:
        places = []
    places += [Path(prefix) / place for prefix in _PREFIXES for place in _PLACES]
    for place in dict.fromkeys(places):
        yield from (str(path) for path in sorted(place.glob("*turbojpeg*")) if _IS_LIBRARY(path.name))
    system = find_library("turbojpeg")  # asks other programs: the slowest way, so the last
    if system is not None:
        yield system
