"""What is this network like? One question per file -> a number with its interval and definition."""

from anmok.probes.patch_shuffle import PatchShuffle, patch_shuffle
from anmok.probes.receptive_field import ReceptiveField, effective_receptive_field
from anmok.probes.result import ProbeResult, Status

__all__ = [
    "PatchShuffle",
    "ProbeResult",
    "ReceptiveField",
    "Status",
    "effective_receptive_field",
    "patch_shuffle",
]
