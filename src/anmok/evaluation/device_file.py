"""The file that carries what models cost from the device that was measured to the machine that selects."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from anmok.data.atomic import written_whole
from anmok.errors import RequestError
from anmok.evaluation.device_costs import Device, DeviceCost, DeviceCosts, Runtime

FORMAT = "anmok device costs"
VERSION = 1

_Record = TypeVar("_Record", Device, DeviceCost)
_WANTED = {
    str: "a text",
    int: "a whole number of 0 or more",
    float: "a number of 0 or more",
    Runtime: " or ".join(Runtime),
}


class _UnfitError(ValueError):
    """The file says something else than it should."""


def write_device_costs(costs: DeviceCosts, path: Path) -> None:
    """Store as JSON, whole or not at all; raises `RequestError` where that cannot be."""
    stored = {
        "format": FORMAT,
        "version": VERSION,
        "batch": 1,
        "device": asdict(costs.device),
        "models": [asdict(row) for row in costs.rows],
    }
    try:
        with written_whole(path) as partial:
            partial.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise RequestError(f"'{path}' cannot be written: {_why(error)}. Choose another --out.") from error


def read_device_costs(path: Path) -> DeviceCosts:
    """What `write_device_costs` stored; raises `RequestError` where the file is anything else."""
    try:
        return _costs(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RequestError(
            f"'{path}' cannot be read: {_why(error)}. On the target device, `anmok bench --out {path.name}` writes one."
        ) from error
    except ValueError as error:  # of the JSON, of its encoding, or of what it says
        raise RequestError(
            f"'{path}' is not what `anmok bench` writes: {error}. Measure again with this Anmok, or name another file."
        ) from error


def _costs(stored: Any) -> DeviceCosts:
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise _UnfitError(f'its format is not "{FORMAT}"')
    if stored.get("version") != VERSION:
        raise _UnfitError(f"its version is {stored.get('version')}, and this Anmok reads version {VERSION}")
    if not isinstance(stored.get("models"), list):
        raise _UnfitError("it has no list of models")
    rows = [_record(DeviceCost, entry) for entry in stored["models"]]
    for row in rows:
        if not 0 < row.latency_ms <= row.latency_p95_ms:
            raise _UnfitError(
                f"{row.model} must have a latency above 0 ms, and a p95 of at least that: "
                f"got {row.latency_ms:g} and {row.latency_p95_ms:g}"
            )
    return DeviceCosts(_record(Device, stored.get("device"))).updated(rows)


def _record(kind: type[_Record], entry: object) -> _Record:
    given = entry if isinstance(entry, dict) else {}
    wanted = get_type_hints(kind)
    for name, what in wanted.items():
        if not _fits(given.get(name), what):
            of = given.get("model", "the device" if kind is Device else "a model")
            words = _WANTED.get(what, "a table of texts")
            raise _UnfitError(f"{name} of {of} is {json.dumps(given.get(name))}, and must be {words}")
    values = {name: given[name] for name in wanted}
    return kind(**values | ({"runtime": Runtime(values["runtime"])} if kind is Device else {}))


def _fits(value: object, kind: object) -> bool:
    """Whether a value of JSON is one of a field's type; all numbers are finite, and none is negative."""
    if isinstance(value, bool):
        return False
    if kind is Runtime:
        return value in list(Runtime)
    if kind is str:
        return isinstance(value, str)
    if kind is int:
        return isinstance(value, int) and value >= 0
    if kind is float:
        return isinstance(value, int | float) and isfinite(value) and value >= 0
    return isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
