import os
import tempfile
from pathlib import Path

from hypothesis import settings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# No test reads or writes what this machine has learned.
os.environ["ANMOK_EXPERIENCE"] = str(Path(tempfile.mkdtemp()) / "experience.sqlite")

# How long an example takes says nothing on a machine that others use too.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
