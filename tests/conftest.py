import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# No test reads or writes what this machine has learned.
os.environ["ANMOK_EXPERIENCE"] = str(Path(tempfile.mkdtemp()) / "experience.sqlite")
