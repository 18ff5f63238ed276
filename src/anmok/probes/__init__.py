"""What is this network like? One question per file -> numbers with their intervals and definitions."""

from anmok.probes.cue_conflict import read_cue_conflict, shape_bias
from anmok.probes.patch_shuffle import PatchShuffle, patch_shuffle
from anmok.probes.probe import Probe, Profile
from anmok.probes.receptive_field import ReceptiveField, effective_receptive_field
from anmok.probes.result import Metric, ProbeResult, Status
from anmok.probes.run import all_probes, run_probes
from anmok.probes.similarity import cka, effective_rank
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
    "cka",
    "effective_rank",
    "effective_receptive_field",
    "patch_shuffle",
    "pink_noise",
    "read_cue_conflict",
    "run_probes",
    "shape_bias",
]
