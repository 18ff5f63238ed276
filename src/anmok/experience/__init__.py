"""What earlier data sets taught: remembered on this machine, weighed by likeness, and audited against itself."""

from anmok.experience.backtest import Backtest, Replay, backtest
from anmok.experience.fingerprint import Fingerprint, fingerprint, sample_rows
from anmok.experience.look import look_at
from anmok.experience.memory import Lesson, Memory, recall
from anmok.experience.place import experience_file
from anmok.experience.prior import Prior, prior
from anmok.experience.records import WEIGHTS_MARK, FinishedTrial, digest
from anmok.experience.similarity import similarity
from anmok.experience.store import ExperienceStore

__all__ = [
    "WEIGHTS_MARK",
    "Backtest",
    "ExperienceStore",
    "Fingerprint",
    "FinishedTrial",
    "Lesson",
    "Memory",
    "Prior",
    "Replay",
    "backtest",
    "digest",
    "experience_file",
    "fingerprint",
    "look_at",
    "prior",
    "recall",
    "sample_rows",
    "similarity",
]
