"""What was published about each preset, and what was counted in the network that is built here: one file per family.

A file holds a table per preset:
params: exact, with num_classes classes (1000 where not said) and 3 input channels, at the native size.
macs: 1e9 multiply-adds of one image at the native size, convolutions and matrix products.
results: top1 in per cent; checked = read in the source named, false = quoted from memory;
reproduced = the same weights (or public ones of the same net) evaluated by timm or torchvision.
notes: where the paper and its code disagree, and what else the figures do not say.
"""

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def read_published() -> dict[str, Any]:
    """The papers' figures, by preset."""
    files = (entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".toml"))
    return {name: row for file in files for name, row in tomllib.loads(file.read_text()).items()}
