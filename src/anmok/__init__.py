"""Anmok: which vision backbone should I use for my images, and why?

`create_model`, `list_models`, `card` for the zoo; `load_data`, `audit` for images; `select` for the choice;
`load` for what came of it.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault(
    "OMP_WAIT_POLICY", "PASSIVE"
)  # before torch: spinning threads spoil every timing on a busy machine

if TYPE_CHECKING:
    from anmok.api.select import Selection as Selection
    from anmok.api.select import select as select
    from anmok.catalogue import card as card
    from anmok.catalogue import create_model as create_model
    from anmok.catalogue import create_segmenter as create_segmenter
    from anmok.catalogue import list_models as list_models
    from anmok.catalogue import scale as scale
    from anmok.data import audit as audit
    from anmok.data import load_data as load_data
    from anmok.errors import AnmokError as AnmokError
    from anmok.serving import load as load
    from anmok.serving import optimize as optimize

_HOMES = {
    "AnmokError": "anmok.errors",
    "Selection": "anmok.api.select",
    "audit": "anmok.data",
    "card": "anmok.catalogue",
    "create_model": "anmok.catalogue",
    "create_segmenter": "anmok.catalogue",
    "list_models": "anmok.catalogue",
    "load": "anmok.serving",
    "load_data": "anmok.data",
    "optimize": "anmok.serving",
    "scale": "anmok.catalogue",
    "select": "anmok.api.select",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch takes two seconds, `anmok --help` must not."""
    if name not in _HOMES:
        raise AttributeError(f"module 'anmok' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
