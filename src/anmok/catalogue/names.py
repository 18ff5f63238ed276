"""Which names there are, and what each stands for."""

import importlib
import pkgutil
import re
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

import anmok.zoo
from anmok.backbone import Architecture, Spec
from anmok.errors import UnknownNameError


class Preset(NamedTuple):
    """What a name stands for."""

    name: str
    family: str  # the zoo file
    architecture: Architecture
    spec: Spec

    @property
    def is_ours(self) -> bool:
        """Whether no paper has it."""
        return self.name in self.architecture.ours


def list_models(pattern: str = "*") -> list[str]:
    """Names of presets that match a shell pattern such as '*_nano' or 'swin_*_224', in natural order."""
    return sorted((name for name in _presets() if fnmatchcase(name, pattern)), key=_natural)


def require_model(name: str) -> Preset:
    """What the name stands for; raises `UnknownNameError` with the nearest names where it is none."""
    presets = _presets()
    if name in presets:
        return presets[name]
    near = get_close_matches(name, presets, n=1, cutoff=0.85) or get_close_matches(name, presets, n=3, cutoff=0.5)
    remedy = f"Did you mean {_alternatives(near)}?" if near else "`anmok models` lists all names."
    raise UnknownNameError(f"No backbone is called '{name}'. {remedy}")


def _alternatives(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


@cache
def _presets() -> dict[str, Preset]:
    found = {}
    for module in pkgutil.iter_modules(anmok.zoo.__path__):
        architecture: Architecture = importlib.import_module(f"anmok.zoo.{module.name}").ARCHITECTURE
        for name, spec in {**architecture.presets, **architecture.ours}.items():
            found[name] = Preset(name, module.name, architecture, spec)
    return found
