"""Which feature maps a backbone gives, in timm's words."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from anmok.backbone.spec import FeatureShape
from anmok.errors import RequestError

Indices: TypeAlias = int | Sequence[int] | None


class FeatureInfo(list[dict[str, Any]]):
    """Every map's `num_chs`, `reduction` (stride), `module` and `index`; `out_indices` are those that are put out.

    A list, as timm's models have it, with the methods that timm's `features_only` models give it. Without
    `idx`, these answer for the maps that are put out.
    """

    def __init__(self, levels: dict[str, FeatureShape], out_indices: Indices = None) -> None:
        super().__init__(
            {"num_chs": shape.width, "reduction": shape.stride, "module": module, "index": i}
            for i, (module, shape) in enumerate(levels.items())
        )
        self.out_indices = tuple(chosen_levels(out_indices, len(self)))

    @property
    def info(self) -> list[dict[str, Any]]:
        """The list itself."""
        return self

    def get(self, key: str, idx: int | Sequence[int] | None = None) -> Any:
        """One entry of a map, or of several."""
        if isinstance(idx, int):
            return self[idx][key]
        return [self[i][key] for i in (self.out_indices if idx is None else idx)]

    def get_dicts(self, keys: Sequence[str] | None = None, idx: int | Sequence[int] | None = None) -> Any:
        """All entries of a map, or of several, or those that `keys` name."""
        if isinstance(idx, int):
            return {key: self[idx][key] for key in keys or self[idx]}
        return [self.get_dicts(keys, i) for i in (self.out_indices if idx is None else idx)]

    def channels(self, idx: int | Sequence[int] | None = None) -> Any:
        """Channels."""
        return self.get("num_chs", idx)

    def reduction(self, idx: int | Sequence[int] | None = None) -> Any:
        """Pixels from one place to the next."""
        return self.get("reduction", idx)

    def module_name(self, idx: int | Sequence[int] | None = None) -> Any:
        """Name of the module that puts the map out."""
        return self.get("module", idx)


def chosen_levels(indices: Indices, count: int) -> list[int]:
    """Which of `count` maps are meant: all, the last n, or those listed; negative ones count from the end."""
    wanted = range(count) if indices is None else range(-indices, 0) if isinstance(indices, int) else indices
    if not wanted or any(not -count <= i < count for i in wanted):
        raise RequestError(
            f"This network has {count} feature maps: got indices={indices}. Choose from 0 to {count - 1}."
        )
    return [i % count for i in wanted]
