"""The bias card: what the probes found of one network, in ten rows that are the same for all.

Two cards are compared metric by metric, and only where the definitions are equal.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isnan, nan
from typing import Any

from anmok.errors import RequestError
from anmok.probes.result import ProbeResult, Status


@dataclass(frozen=True, kw_only=True)
class BiasCard:
    """Results of one network, and what it was looked at with."""

    name: str
    kind: str  # CNN, Transformer, ...; empty where nobody says
    trained: str  # on what, in words; "no" for random weights
    source: str  # of the images
    size: tuple[int, int]  # height and width of the images, pixels
    profile: str
    seed: int
    results: tuple[ProbeResult, ...]

    @cached_property
    def by_metric(self) -> Mapping[str, ProbeResult]:
        """Each metric's result."""
        return {result.metric: result for result in self.results}

    def value(self, metric: str) -> float:
        """What was found; nan where it was not."""
        return self.by_metric[metric].value if metric in self.by_metric else nan

    def reason(self, metric: str) -> str:
        """Why a metric has no value."""
        result = self.by_metric.get(metric)
        return result.note if result else f"not asked by the profile {self.profile}"

    def to_json(self) -> str:
        """One object; what only pictures need is left out."""
        head = {name: value for name, value in vars(self).items() if name not in ("results", "by_metric")}
        rows = [{name: _plain(getattr(r, name)) for name in _FIELDS} for r in self.results]
        return json.dumps(head | {"results": rows}, indent=2)

    @staticmethod
    def from_json(text: str) -> "BiasCard":
        """Read what `to_json` wrote. Raises `RequestError` for anything else."""
        try:
            stored: dict[str, Any] = json.loads(text)
            rows = [r | {"value": nan if r["value"] is None else r["value"]} for r in stored.pop("results")]
            results = tuple(ProbeResult(**r | {"status": Status(r["status"])}) for r in rows)
            return BiasCard(**stored | {"size": tuple(stored["size"]), "results": results})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RequestError(f"This is not a bias card ({error}). Write one with `anmok probe --out`.") from error


_FIELDS = tuple(ProbeResult.__dataclass_fields__)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and isnan(value) else value
