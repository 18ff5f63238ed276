"""What was published about each family and preset, and what was counted in the network that is built here.

The file of a family, which is called as its file in the zoo, starts with a table [family], in the terms of Battaglia
et al. 2018, arXiv:1806.01261, table 1: entities, relations between them, and the invariance that follows.
A table per preset:
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

FAMILY = "family"


@cache
def read_published() -> dict[str, Any]:
    """The papers' figures, by preset."""
    return {name: row for tables in _files().values() for name, row in tables.items() if name != FAMILY}


@cache
def read_families() -> dict[str, dict[str, str]]:
    """Entities, relations and invariance, by family."""
    return {family: tables[FAMILY] for family, tables in _files().items() if FAMILY in tables}


@cache
def _files() -> dict[str, dict[str, Any]]:
    files = (entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".toml"))
    return {file.name.removesuffix(".toml"): tomllib.loads(file.read_text()) for file in files}
