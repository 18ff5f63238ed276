"""What a training was asked for: written down in its run directory, so that the same command resumes it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from anmok.selection.request import read_settings, write_settings
from anmok.selection.run_directory import TRAINING
from anmok.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """A training as the user put it."""

    FILE: ClassVar[str] = TRAINING

    model: str
    data: str
    pretrained: str  # "no", "yes", or where the weights come from
    teacher: str  # "none", or where it comes from
    seed: int
    search_rate: bool  # whether the learning rate is to be found
    recipe: Recipe
    task: str | None = None  # None: one class for an image

    def write(self, path: Path) -> None:
        """Store as TOML; what is not set is left out."""
        write_settings(self._flat(), path)

    def changes(self, path: Path) -> list[str]:
        """What this request asks for instead of the stored one, one phrase a setting."""
        old, new = read_settings(path), self._flat()
        return [
            f"{name} {old.get(name, 'unset')} instead of {new.get(name, 'unset')}"
            for name in dict.fromkeys((*new, *old))
            if old.get(name) != new.get(name)
        ]

    def _flat(self) -> dict[str, Any]:
        settings = asdict(self)
        settings |= settings.pop("recipe")
        return {name: _plain(value) for name, value in settings.items() if value is not None}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
