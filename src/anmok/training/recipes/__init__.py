"""The recipes that come with Anmok, a TOML file each, and those that a user writes.

A file holds settings of `Recipe`; what it leaves out has its default. Beside them:
summary: what it is, in a line.
paper, source: where it was published, and where its figures were read.
notes: where it departs from the paper, and what else the figures do not say.
levels: tables of further settings, each with a summary and notes of its own; 'name:level' takes one.
level: the one that the bare name takes; without it the bare name takes none.
Warm-up and milestones are shares of the training, so that they fit any number of epochs.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from textwrap import wrap
from typing import Any

from anmok.errors import RequestError, UnknownNameError
from anmok.training.recipe import Recipe
from anmok.training.settings import did_you_mean, read_settings
from anmok.training.settings import recipe_toml as recipe_toml

_SUFFIX = ".toml"
_ABOUT: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("summary", "paper", "source", "level"), ("text", lambda v: isinstance(v, str))),
    "notes": ("a list of texts", lambda v: isinstance(v, list) and all(isinstance(note, str) for note in v)),
    "levels": ("a table of tables", lambda v: isinstance(v, dict) and all(isinstance(t, dict) for t in v.values())),
}


@dataclass(frozen=True, kw_only=True)
class RecipeCard:
    """A recipe and where it comes from."""

    name: str
    recipe: Recipe
    summary: str = ""
    paper: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()

    def toml(self) -> str:
        """A recipe file that says all of this, its origin in comments."""
        said = [f"{self.name}: {self.summary}", f"Paper: {self.paper}", f"Source: {self.source}", *self.notes]
        blocks = [wrap(text, 110, initial_indent="# ", subsequent_indent="#   ") for text in said if text[-2:] != ": "]
        return "\n".join([*(line for block in blocks for line in block), "", recipe_toml(self.recipe)])


def choose_recipe(*, pretrained: bool) -> str:
    """The name of the recipe for who names none."""
    return "finetune" if pretrained else "default"


def read_recipe(name: str, changes: Mapping[str, str] | None = None) -> Recipe:
    """The recipe of that name ('augreg', 'augreg:medium1') or file ('mine.toml'), with some settings changed.

    A setting of the recipe that has no effect beside the changes falls back to its default; a change without effect
    is an error.
    """
    recipe = recipe_card(name).recipe
    return recipe.changed(read_settings(changes)) if changes else recipe


def recipe_card(name: str) -> RecipeCard:
    """The recipe of that name or file, and where it comes from."""
    base, colon, level = name.rpartition(":")
    if not colon or name.endswith(_SUFFIX):
        base, level = name, ""
    return _card(base, _file(base), level)


def list_recipes() -> list[RecipeCard]:
    """All that come with Anmok: the two that are chosen by themselves, then the papers', the levels one by one."""
    ours = [choose_recipe(pretrained=pretrained) for pretrained in (False, True)]
    cards = []
    for name in [*ours, *sorted(_shipped().keys() - set(ours))]:
        table = _shipped()[name]
        levels = [*([] if "level" in table else [""]), *table.get("levels", {})]
        cards += [_card(name, table, level) for level in levels]
    return cards


def _card(name: str, table: dict[str, Any], level: str) -> RecipeCard:
    level = level or table.get("level", "")
    levels = table.get("levels", {})
    if level and level not in levels:
        if not levels:
            raise UnknownNameError(f"The recipe '{name}' has no levels: got '{level}'. Leave ':{level}' out.")
        remedy = did_you_mean(level, levels, f"Choose {', '.join(levels)}.")
        raise UnknownNameError(f"The recipe '{name}' has no level '{level}'. {remedy}")
    own = levels.get(level, {})
    settings = {key: value for key, value in {**table, **own}.items() if key not in _ABOUT}
    return RecipeCard(
        name=f"{name}:{level}" if level else name,
        recipe=Recipe(**read_settings(settings)),
        summary="; ".join(part["summary"] for part in (table, own) if "summary" in part),
        paper=table.get("paper", ""),
        source=table.get("source", ""),
        notes=(*table.get("notes", ()), *own.get("notes", ())),
    )


def _file(name: str) -> dict[str, Any]:
    if not name.endswith(_SUFFIX):
        if name in _shipped():
            return _shipped()[name]
        remedy = did_you_mean(name, _shipped(), "`anmok recipes` lists all; a file's name ends in .toml.")
        raise UnknownNameError(f"No recipe is called '{name}'. {remedy}")
    path = Path(name)
    if not path.is_file():
        raise RequestError(f"A recipe is read from a file that exists: got '{name}'. `anmok recipes` lists others.")
    try:
        table = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"A recipe is a TOML file: '{name}' is not ({error}). Mend it.") from error
    _check_about(table, name)
    for level in table.get("levels", {}).values():
        _check_about(level, name)
    return table


def _check_about(table: dict[str, Any], name: str) -> None:
    for key, (kind, fits) in _ABOUT.items():
        if key in table and not fits(table[key]):
            raise RequestError(f"A recipe's {key} is {kind}: got {table[key]} in '{name}'. Mend it or drop it.")


@cache
def _shipped() -> dict[str, dict[str, Any]]:
    files = (entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(_SUFFIX))
    return {file.name.removesuffix(_SUFFIX): tomllib.loads(file.read_text()) for file in files}
