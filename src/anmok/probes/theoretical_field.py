"""Which pixels can a place of a map depend on, whatever the weights?

The field of Araujo, Norris & Sim 2019 (Distill, doi:10.23915/distill.00021), found on any module by following NaN.
"""

from dataclasses import dataclass

from anmok.catalogue.makers import FAULTS, reason
from anmok.probes.map_reader import MapReader
from anmok.probes.reach import find_strip, name_mixer, reach_of_middle
from anmok.probes.result import Metric, ProbeResult, Status
from anmok.shapes import Images

THEORETICAL = Metric(
    "theoretical receptive field",
    "longer side of the box of pixels whose NaN reaches the middle place of the last map with more than one place, "
    "strips of up to 2048 px, version 1",
    "px",
)


@dataclass(frozen=True, kw_only=True)
class TheoreticalField(ProbeResult):
    """Pixels that can reach the middle place; a field without end has the side of the longest strip."""

    sides: tuple[int, int]  # height and width
    is_global: bool  # one module mixes all places
    is_cut: bool  # it is larger than the longest strip that was taken


def theoretical_field(reader: MapReader, image: Images) -> ProbeResult:
    """The box of pixels that can reach the middle place of a map, whatever the weights."""
    try:
        strips = [find_strip(reader, image, axis) for axis in (2, 3)]
        if any(strip.is_blind for strip in strips):
            return THEORETICAL.missing("NaN in the image does not reach the map, so its ways cannot be followed")
        ends = [reach_of_middle(reader, strip) for strip in strips]
        mixer = next((name for strip in strips if not strip.free and (name := name_mixer(reader, strip))), "")
    except FAULTS as error:
        return THEORETICAL.missing(f"on an image with NaN: {reason(error)}", status=Status.FAILED)
    height, width = (last - first + 1 for first, last in ends)
    lengths = [strip.length for strip in strips]
    is_cut = any(any(strip.borders) for strip in strips)
    cut = f"the field reaches the end of a strip of {max(lengths)} px, and may be larger" if is_cut else ""
    return TheoreticalField(
        **vars(THEORETICAL.found(max(height, width), note=f"global because of {mixer}" if mixer and is_cut else cut)),
        sides=(height, width),
        is_global=bool(mixer) and is_cut,
        is_cut=is_cut,
    )
