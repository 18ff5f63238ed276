"""What a training was asked for: written down in its run directory, so that the same command resumes it."""

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from anmok.data.atomic import written_whole
from anmok.errors import RunDirectoryError
from anmok.training.recipe import Recipe

_OWN = {"lock", "log.txt"}


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """A training as the user put it."""

    model: str
    data: str
    pretrained: str  # "no", "yes", or where the weights come from
    teacher: str  # "none", or where it comes from
    seed: int
    search_rate: bool  # whether the learning rate is to be found
    recipe: Recipe

    def claim(self, root: Path) -> None:
        """Write the request into a fresh directory, or check that it is the one written there."""
        path = root / "train.toml"
        if path.exists():
            different = _differences(_read(path), self._flat())
            if different:
                raise RunDirectoryError(
                    f"'{root}' was made with another request: {'; '.join(different)}. "
                    "Repeat that command to resume it, or choose another --out."
                )
            return
        others = sorted(p.name for p in root.iterdir() if p.name not in _OWN)
        if others:
            raise RunDirectoryError(
                f"'{root}' holds other files ({others[0]}, ...). Choose an empty or new directory for --out."
            )
        with written_whole(path) as partial:
            partial.write_text(tomli_w.dumps(self._flat()), encoding="utf-8")

    def _flat(self) -> dict[str, Any]:
        settings = asdict(self)
        settings |= settings.pop("recipe")
        return {name: _plain(value) for name, value in settings.items() if value is not None}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunDirectoryError(f"'{path}' is not a request of Anmok ({error}). Choose another --out.") from error


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    names = [*new, *(name for name in old if name not in new)]
    return [
        f"{name} {old.get(name, 'unset')} instead of {new.get(name, 'unset')}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
