"""Which pixels can reach a place of a map, whatever the weights are: NaN goes wherever there is a path.

Araujo, Norris & Sim 2019 (Distill, doi:10.23915/distill.00021) derive the field from kernels and strides; here it is
found by bisection on any module, exactly where the arithmetic is direct (cuDNN, which transforms tiles, is left out).
A network that replaces NaN hides its paths. Each axis is looked at on a strip, as long as it has to be and narrow.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import ceil, log2
from typing import Any

import torch
from einops import reduce
from jaxtyping import Bool, Float
from torch import Tensor, nn

from anmok.capture import as_tensor
from anmok.catalogue.makers import FAULTS
from anmok.probes.map_reader import MapReader
from anmok.shapes import Images

_LONGEST = 2048  # pixels of a strip
_BREADTHS = (32, 64, 128)  # of a strip, pixels; the image's own where the network takes none
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """An image made long along an axis (2: rows, 3: columns), narrow along the other, and what its borders reach."""

    image: Images
    axis: int
    places: int  # of the map along the axis
    free: tuple[int, ...]  # places that no border reaches, three in the middle among them; else none
    borders: tuple[bool, bool]  # whether the first and the last pixels, as many as a place has, reach the middle one
    is_blind: bool  # nothing reaches it

    @property
    def length(self) -> int:
        """Pixels along the axis."""
        return self.image.shape[self.axis]

    @property
    def middle(self) -> int:
        """The place whose field is measured."""
        return self.places // 2


def find_strip(reader: MapReader, image: Images, axis: int) -> Strip:
    """The shortest strip whose borders three middle places do not see, else the longest that the network takes.

    Strips double from the image's own side to 2048 pixels, or to eight sides where something mixes all places.
    """
    breadth = _narrowest(reader, image, axis)
    side = image.shape[axis]
    found = _look_at(reader, extend(image, axis, side, breadth), axis)
    while not found.free and not found.is_blind and 2 * found.length <= _LONGEST:
        if found.length >= 8 * side and name_mixer(reader, found):
            break
        try:
            found = _look_at(reader, extend(image, axis, 2 * found.length, breadth), axis)
        except FAULTS:  # of networks for one size
            break
    return found


def reach_of_middle(reader: MapReader, strip: Strip) -> tuple[int, int]:
    """First and last pixel of a strip that reach its middle place."""
    if all(strip.borders):
        return 0, strip.length - 1
    first, last = _bisect(reader, strip, [(strip.middle, False), (strip.middle, True)])
    return first, last


def stride_of(reader: MapReader, strip: Strip) -> int:
    """Pixels from place to place: how far their fields lie apart where that can be seen, else the pixels per place.

    Rounded down to a power of two where places do not divide the pixels, as strides of unpadded networks do not.
    """
    even = strip.length / strip.places
    if strip.length % strip.places == 0:
        return int(even)
    if strip.free:
        first, following = _bisect(reader, strip, [(strip.middle, False), (strip.middle + 1, False)])
        if even / 2 < following - first < 2 * even:
            return following - first
    return 2 ** int(log2(even)) if even >= 1 else 1


def extend(images: Images, axis: int, length: int, breadth: int) -> Float[Tensor, "b c rows columns"]:
    """Images mirrored again and again along an axis up to a length; of the other axis the middle, `breadth` wide."""
    side, across = images.shape[axis], images.shape[5 - axis]
    steps = torch.arange(length, device=images.device) % (2 * side)
    mirrored = images.index_select(axis, torch.where(steps < side, steps, 2 * side - 1 - steps))
    return mirrored.narrow(5 - axis, (across - breadth) // 2, breadth)


def name_mixer(reader: MapReader, strip: Strip) -> str:
    """The kind of the first module whose output is NaN everywhere while less than half of any before it was.

    What has no weights, or was given NaN everywhere by what stands between modules, goes by the name of the module
    around it. Empty where NaN spreads step by step.
    """
    shares: dict[str, tuple[float, float]] = {}  # of NaN, before and behind

    def watch(name: str, module: nn.Module, inputs: Sequence[Any], output: Any) -> None:
        taken, given = as_tensor(tuple(inputs)), as_tensor(output)
        if isinstance(given, Tensor) and all(after < 1 for _, after in shares.values()):
            shares[name] = _share_of_nan(given if taken is None else taken), _share_of_nan(given)

    poisoned = strip.image.clone()
    poisoned.narrow(strip.axis, 0, 1).fill_(torch.nan)
    modules = dict(reader.network.named_modules())
    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.callback(module.register_forward_hook(partial(watch, name)).remove)
        _read(reader, poisoned)
    *before, (name, (taken, given)) = shares.items()
    if given < 1 or any(share >= 0.5 for _, (_, share) in before):
        return ""
    if taken == 1 or not any(True for _ in modules[name].parameters()):
        name = name.rpartition(".")[0]
        while name and type(modules[name]) in _CONTAINERS:
            name = name.rpartition(".")[0]
    return type(modules[name]).__name__


def _narrowest(reader: MapReader, image: Images, axis: int) -> int:
    """Of the breadths that the network takes and gives a map for."""
    side, across = image.shape[axis], image.shape[5 - axis]
    for breadth in (b for b in _BREADTHS if b < across):
        try:
            if _read(reader, extend(image, axis, 2 * side, breadth)) is not None:
                return breadth
        except FAULTS:  # the next is tried
            continue
    return across


def _look_at(reader: MapReader, image: Images, axis: int) -> Strip:
    length = image.shape[axis]
    (whole,) = _reached(reader, image, axis, [(0, length)])
    places, middle = len(whole), len(whole) // 2
    edge = ceil(length / places)  # networks that do not pad leave the last pixels of a stride unread
    top, bottom = _reached(reader, image, axis, [(0, edge), (length - edge, length)])
    free = tuple((~(top | bottom)).nonzero()[:, 0].tolist())
    return Strip(
        image=image,
        axis=axis,
        places=places,
        free=free if {middle - 1, middle, middle + 1} <= set(free) else (),
        borders=(bool(top[middle]), bool(bottom[middle])),
        is_blind=not whole[middle],
    )


def _bisect(reader: MapReader, strip: Strip, wanted: Sequence[tuple[int, bool]]) -> list[int]:
    """For places the first pixel that reaches them, or the last."""
    ends = [strip.length - 1] * len(wanted)
    low, high = [0] * len(wanted), list(ends)  # pixels from the border that do not reach the place
    while low != high:
        tried = [(a + b) // 2 for a, b in zip(low, high, strict=True)]
        spans = [
            (end - t, end + 1) if from_end else (0, t + 1)
            for (_, from_end), t, end in zip(wanted, tried, ends, strict=True)
        ]
        for i, seen in enumerate(_reached(reader, strip.image, strip.axis, spans)):
            low[i], high[i] = (low[i], tried[i]) if seen[wanted[i][0]] else (tried[i] + 1, high[i])
    return [end - n if from_end else n for (_, from_end), n, end in zip(wanted, low, ends, strict=True)]


def _reached(reader: MapReader, image: Images, axis: int, spans: list[tuple[int, int]]) -> Bool[Tensor, "spans places"]:
    """Which places along an axis the pixels of each span reach."""
    batch = image.repeat(len(spans), 1, 1, 1)
    for one, (start, stop) in zip(batch, spans, strict=True):
        one.narrow(axis - 1, start, stop - start).fill_(torch.nan)
    map = _read(reader, batch)
    if map is None:
        raise ValueError("the map has no place among others at this size")
    return reduce(map.isnan(), "b c h w -> b h" if axis == 2 else "b c h w -> b w", "any").cpu()


@torch.no_grad()
def _read(reader: MapReader, images: Images) -> Tensor | None:
    with torch.backends.cudnn.flags(enabled=False):
        return reader(images)


def _share_of_nan(x: Tensor) -> float:
    return float(x.isnan().float().mean())
