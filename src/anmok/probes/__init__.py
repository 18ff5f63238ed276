"""What is this network like? One question per file -> numbers with their intervals and definitions."""

from anmok.probes.patch_shuffle import PatchShuffle, patch_shuffle
from anmok.probes.probe import Probe, Profile
from anmok.probes.receptive_field import ReceptiveField, effective_receptive_field
from anmok.probes.result import Metric, ProbeResult, Status
from anmok.probes.run import all_probes, run_probes
from anmok.probes.subject import Normalised, Subject, pink_noise

__all__ = [
    "Metric",
    "Normalised",
    "PatchShuffle",
    "Probe",
    "ProbeResult",
    "Profile",
    "ReceptiveField",
    "Status",
    "Subject",
    "all_probes",
    "effective_receptive_field",
    "patch_shuffle",
    "pink_noise",
    "run_probes",
]
