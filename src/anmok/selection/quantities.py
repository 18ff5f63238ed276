"""Quantities as people write them: 30m, 20ms, 25M, 512MiB."""

import re

from anmok.errors import RequestError

_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
_MEBIBYTES = {
    "kib": 2**-10,
    "mib": 1.0,
    "gib": 2**10,
    "kb": 1e3 / 2**20,
    "mb": 1e6 / 2**20,
    "gb": 1e9 / 2**20,
}


def parse_seconds(text: str, option: str) -> float:
    """Seconds in a duration such as 30m, 1.5h or 20ms."""
    return _parse(text, _SECONDS, option, "a number and ms, s, m, h or d, such as 30m")


def parse_count(text: str, option: str) -> float:
    """A count such as 25M or 300k."""
    return _parse(text, _COUNTS, option, "a number, with k, M or G for thousands, millions or billions, such as 25M")


def parse_mebibytes(text: str, option: str) -> float:
    """MiB in a size such as 512MiB or 2GB."""
    return _parse(text, _MEBIBYTES, option, "a number and KiB, MiB, GiB, KB, MB or GB, such as 512MiB")


def format_seconds(seconds: float) -> str:
    """The same, for people: 4 m 10 s."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest} s" if rest else f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m"


def format_count(count: float) -> str:
    """Three digits and a unit: 1.02 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.3g}"


def _parse(text: str, units: dict[str, float], option: str, form: str) -> float:
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([a-zA-Z]*)\s*", text)
    if match is None or match[2].lower() not in units or float(match[1]) == 0:
        raise RequestError(f"{option} takes {form}: got '{text}'.")
    return float(match[1]) * units[match[2].lower()]
