"""Where to begin when pretrained weights are wanted and no model is named."""

import tomllib
from importlib import resources


def list_starters() -> list[str]:
    """Small presets of each kind with public weights, which starters.toml names."""
    kinds = tomllib.loads((resources.files("anmok.catalogue") / "starters.toml").read_text())
    return [name for names in kinds.values() for name in names]
