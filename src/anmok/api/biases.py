"""The table of relational inductive biases, measured."""

from dataclasses import asdict, dataclass
from math import isnan
from typing import Any

from anmok.biases.bench import trained
from anmok.biases.components import COMPONENTS
from anmok.biases.structure import structure, word
from anmok.biases.tasks import QUICK, TASKS
from anmok.biases.user import read_component
from anmok.data import processor_count
from anmok.probes import ProbeResult
from anmok.selection.observer import Observer, Silent

_WORKERS = 2  # more help little, as the runs are few


@dataclass(frozen=True, kw_only=True)
class BiasTable:
    """Structural and trained results of the components, by name."""

    seed: int
    structural: dict[str, tuple[ProbeResult, ...]]
    trained: dict[str, tuple[ProbeResult, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Numbers, strings and lists alone; an equivariance error with its word."""
        return {
            "seed": self.seed,
            "structural": {name: [_plain(r) | {"word": word(r)} for r in row] for name, row in self.structural.items()},
            "trained": {name: [_plain(r) for r in row] for name, row in self.trained.items()},
        }


def _plain(result: ProbeResult) -> dict[str, Any]:
    """JSON has no nan."""
    return asdict(result) | {"value": None if isnan(result.value) else result.value}


def biases(
    module: str | None = None, *, quick: bool = False, seed: int = 0, observer: Observer | None = None
) -> BiasTable:
    """Measure the inductive biases of the building blocks, and of one of the user's own.

    Battaglia et al. 2018, arXiv:1806.01261, table 1, by measurement: equivariance errors of untrained networks, and
    what each learns of small tasks that one bias makes easy. `quick` trains on three of the tasks. `module` names
    a callable, module:callable, that is called as make(n, c, out) and gives a module (b, n, c) -> (b, n, out), as
    `anmok.biases.user` says. Raises an `AnmokError` whose message says what to do.
    """
    watching = observer or Silent()
    components = (*COMPONENTS, read_component(module)) if module else COMPONENTS
    watching.stage("Structure")
    structural = {}
    for done, component in enumerate(components):
        watching.progress(done, len(components), component.name)
        structural[component.name] = structure(component, seed=seed)
    watching.stage("Training")
    workers = min(_WORKERS, processor_count())
    found = trained(components, QUICK if quick else TASKS, seed=seed, workers=workers, progress=watching.progress)
    return BiasTable(seed=seed, structural=structural, trained=found)
