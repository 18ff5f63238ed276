"""A recipe's settings, from text or TOML and back."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, get_type_hints

from anmok.errors import RequestError, UnknownNameError
from anmok.training.recipe import Recipe


def recipe_toml(recipe: Recipe) -> str:
    """Every setting, a line each; what is not set is left out."""
    settings = {field.name: getattr(recipe, field.name) for field in fields(Recipe)}
    # JSON writes words, numbers and lists of numbers as TOML does.
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items() if value is not None)


def read_settings(given: Mapping[str, object]) -> dict[str, Any]:
    """Settings of the types that a recipe has, from those of TOML or from text such as '3e-4' or '0.5, 0.75'."""
    return {name: _read(name, value) for name, value in given.items()}


def did_you_mean(word: str, names: Iterable[str], otherwise: str) -> str:
    """The remedy for a name that does not exist."""
    near = get_close_matches(word, names, n=1)
    return f"Did you mean '{near[0]}'?" if near else otherwise


def _read(name: str, value: object) -> Any:
    if name not in _TYPES:
        remedy = did_you_mean(name, _TYPES, "`anmok recipes default` shows all.")
        raise UnknownNameError(f"No setting of a recipe is called '{name}'. {remedy}")
    wanted = _TYPES[name]
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        return _choose(name, str(value), wanted)
    kind, parse, example = _KINDS[wanted]
    try:
        return parse(value)
    except (ValueError, TypeError) as error:
        raise RequestError(f"The recipe's {name} is {kind}: got '{value}'. Give one, such as {example}.") from error


def _choose(name: str, value: str, choices: type[StrEnum]) -> StrEnum:
    names = [choice.value for choice in choices]
    if value in names:
        return choices(value)
    remedy = did_you_mean(value, names, "Choose one of these.")
    raise RequestError(f"The recipe's {name} is one of {', '.join(names)}: got '{value}'. {remedy}")


def _whole(value: Any) -> int:
    number = _real(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _real(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _truth(value: Any) -> bool:
    word = str(value).lower()
    if word not in ("true", "false"):
        raise ValueError(value)
    return word == "true"


def _reals(value: Any) -> tuple[float, ...]:
    items = value.strip("[]() ").split(",") if isinstance(value, str) else value
    return tuple(_real(item) for item in items if item != "")


def _pair(value: Any) -> tuple[float, float]:
    first, second = _reals(value)
    return first, second


def _or_none(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value == "none" else parse(value)


_TYPES = get_type_hints(Recipe)
_KINDS: dict[Any, tuple[str, Callable[[Any], Any], str]] = {
    bool: ("true or false", _truth, "true"),
    int: ("a whole number", _whole, "30"),
    float: ("a number", _real, "0.1"),
    int | None: ("a whole number or none", _or_none(_whole), "224"),
    float | None: ("a number or none", _or_none(_real), "0.1"),
    tuple[float, ...]: ("a list of numbers", _reals, "0.5, 0.75"),
    tuple[float, float]: ("a pair of numbers", _pair, "0.9, 0.999"),
}
