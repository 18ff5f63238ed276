"""Anmok: which vision backbone should I use for my images, and why?

`create_model`, `list_models`, `card` for the zoo; `load_data`, `audit`, `pack` for images; `select` for the choice;
`train` and `evaluate` for one model, also of text or graphs; `load` for what came of it; `create_segmenter` and
`create_pyramid` for what stands on a backbone. `bench` measures what models cost on a device,
`probe` and `compare` measure what networks are like, `explain` why one answered so, `claims` what the field says of
them. `scores` ranks pretrained networks by what their frozen features know, `read_experience` tells what earlier
data sets taught.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault(
    "OMP_WAIT_POLICY", "PASSIVE"
)  # before torch: spinning threads spoil every timing on a busy machine

if TYPE_CHECKING:
    from anmok import claims as claims
    from anmok import explain as explain
    from anmok import scores as scores
    from anmok.api.bench import bench as bench
    from anmok.api.compare import compare as compare
    from anmok.api.evaluate import Evaluation as Evaluation
    from anmok.api.evaluate import evaluate as evaluate
    from anmok.api.experience import read_experience as read_experience
    from anmok.api.pack import pack as pack
    from anmok.api.probe import probe as probe
    from anmok.api.scale_search import ScaleSearch as ScaleSearch
    from anmok.api.scale_search import scale_search as scale_search
    from anmok.api.select import Selection as Selection
    from anmok.api.select import select as select
    from anmok.api.train import Trained as Trained
    from anmok.api.train import train as train
    from anmok.catalogue import card as card
    from anmok.catalogue import create_model as create_model
    from anmok.catalogue import create_pyramid as create_pyramid
    from anmok.catalogue import create_segmenter as create_segmenter
    from anmok.catalogue import list_models as list_models
    from anmok.catalogue import scale as scale
    from anmok.data import audit as audit
    from anmok.data import load_data as load_data
    from anmok.errors import AnmokError as AnmokError
    from anmok.evaluation.device_costs import DeviceCosts as DeviceCosts
    from anmok.serving import load as load
    from anmok.serving import optimize as optimize

_HOMES = {
    "AnmokError": "anmok.errors",
    "DeviceCosts": "anmok.evaluation.device_costs",
    "Evaluation": "anmok.api.evaluate",
    "ScaleSearch": "anmok.api.scale_search",
    "Selection": "anmok.api.select",
    "Trained": "anmok.api.train",
    "audit": "anmok.data",
    "bench": "anmok.api.bench",
    "card": "anmok.catalogue",
    "claims": "anmok.claims",
    "compare": "anmok.api.compare",
    "create_model": "anmok.catalogue",
    "create_pyramid": "anmok.catalogue",
    "create_segmenter": "anmok.catalogue",
    "evaluate": "anmok.api.evaluate",
    "explain": "anmok.explain",
    "list_models": "anmok.catalogue",
    "load": "anmok.serving",
    "load_data": "anmok.data",
    "optimize": "anmok.serving",
    "pack": "anmok.api.pack",
    "probe": "anmok.api.probe",
    "read_experience": "anmok.api.experience",
    "scale": "anmok.catalogue",
    "scale_search": "anmok.api.scale_search",
    "scores": "anmok.scores",
    "select": "anmok.api.select",
    "train": "anmok.api.train",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch takes two seconds, `anmok --help` must not."""
    if name not in _HOMES:
        raise AttributeError(f"module 'anmok' has no attribute '{name}'")
    module = importlib.import_module(_HOMES[name])
    return module if module.__name__ == f"anmok.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
