"""Which names there are, and what each stands for."""

import importlib
import pkgutil
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from types import ModuleType
from typing import Any, Generic, TypeVar

import anmok.zoo
from anmok.backbone import Architecture, Spec, Task
from anmok.catalogue.foreign import read_foreign
from anmok.catalogue.public import read_public
from anmok.errors import RequestError, UnknownNameError

FOREIGN = "foreign"  # the family of all that is not of the zoo
S = TypeVar("S")


@dataclass(frozen=True)
class Preset(Generic[S]):
    """What a name stands for."""

    name: str
    family: str  # the zoo file, or FOREIGN
    architecture: Architecture[S]
    spec: S

    @property
    def is_ours(self) -> bool:
        """Whether no paper has it."""
        return self.name in self.architecture.ours

    @property
    def summary(self) -> str:
        """What the family is, in a sentence: the first of its file in the zoo."""
        if self.family == FOREIGN:
            raise RequestError(f"Cards describe the models of the zoo: got '{self.name}'. `anmok models` lists them.")
        first = (_module(self.family).__doc__ or "").partition("\n")[0].partition(": ")[2]
        return first[:1].upper() + first[1:]


def list_models(
    filter: str | Sequence[str] = "*",
    *,
    task: Task | None = Task.CLASSIFICATION,
    pretrained: bool = False,
    licence: str | None = None,
) -> list[str]:
    """Names of presets that match shell patterns such as '*_nano' or 'swin_*_224', in natural order.

    Those for another task are left out, unless `task` is that, or None for all. With `pretrained` each public weight
    file has a name of its own (preset.tag); so it has with `licence`: an SPDX identifier or 'permissive'.
    """
    patterns = [filter or "*"] if isinstance(filter, str) else filter
    fitting = (name for name, preset in _presets().items() if task is None or task in preset.architecture.tasks)
    names = sorted((n for n in fitting if any(fnmatchcase(n, pattern) for pattern in patterns)), key=_natural)
    if not pretrained and licence is None:
        return names
    files = [weights for name in names for weights in read_public().get(name, ())]
    return [str(weights) for weights in files if licence is None or weights.is_licensed(licence)]


def require_model(name: str) -> Preset[Spec]:
    """What the name stands for: a preset for images, or a network from elsewhere (timm:NAME, hf:ID, module:callable).

    Raises `UnknownNameError` where it is none, with the nearest names, and `RequestError` for a network that reads
    no images, or one from elsewhere that cannot be made.
    """
    preset = require_network(name)
    if Task.SEGMENTATION not in preset.architecture.tasks:
        tasks = " and ".join(preset.architecture.tasks)
        raise RequestError(
            f"A backbone reads images: '{name}' is for {tasks}. `anmok models` lists the backbones; "
            "`anmok train` takes this one with data of its own."
        )
    return preset


def require_network(name: str) -> Preset[Any]:
    """The same, whatever the network reads."""
    if is_foreign(name):
        return Preset(name, FOREIGN, *read_foreign(name))
    presets = _presets()
    if name in presets:
        return presets[name]
    near = get_close_matches(name, presets, n=1, cutoff=0.85) or get_close_matches(name, presets, n=3, cutoff=0.5)
    remedy = f"Did you mean {_alternatives(near)}?" if near else "`anmok models` lists all names."
    raise UnknownNameError(f"No model is called '{name}'. {remedy}")


def choose_task(name: str, wanted: str | None) -> Task:
    """What a network is to do: what is wanted of it, or else what it usually does.

    Raises `RequestError` where it cannot do that.
    """
    tasks = require_network(split_tag(name)[0]).architecture.tasks
    if wanted is None:
        return tasks[0]
    if wanted not in tasks:
        raise RequestError(
            f"'{name}' is for {' and '.join(tasks)}: got the task '{wanted}'. Choose another model or task."
        )
    return Task(wanted)


def is_foreign(name: str) -> bool:
    """Whether the name is that of a network from elsewhere: timm:NAME, hf:ID or module:callable."""
    return ":" in name


def split_tag(name: str) -> tuple[str, str]:
    """A preset's name and the tag of its public weights; names of networks from elsewhere are left whole."""
    preset, _, tag = (name, "", "") if is_foreign(name) else name.partition(".")
    return preset, tag


def as_file_name(name: str) -> str:
    """A model's name where it stands for a file or a folder: hf:owner/name is one, not two."""
    return name.replace("/", "-").replace(":", "-")


def parents(family: str) -> tuple[str, ...]:
    """The families that one descends from: those whose files in the zoo it imports."""
    homes = (getattr(value, "__module__", "") for value in vars(_module(family)).values())
    found = {
        home.removeprefix("anmok.zoo.") for home in homes if isinstance(home, str) and home.startswith("anmok.zoo.")
    }
    return tuple(sorted(found - {family}))


def children(family: str) -> tuple[str, ...]:
    """The families that descend from one."""
    families = {preset.family for preset in _presets().values()}
    return tuple(sorted(other for other in families if family in parents(other)))


def _module(family: str) -> ModuleType:
    return importlib.import_module(f"anmok.zoo.{family}")


def _alternatives(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


@cache
def _presets() -> dict[str, Preset[Any]]:
    found = {}
    for module in pkgutil.iter_modules(anmok.zoo.__path__):
        architecture: Architecture[Any] = _module(module.name).ARCHITECTURE
        for name, spec in {**architecture.presets, **architecture.ours}.items():
            found[name] = Preset(name, module.name, architecture, spec)
    return found
