"""Public weight files: where they lie, under which licence, and how images were prepared for them; a file per family.

A file holds a table per preset, and in it an entry per weight file, by its tag; the first is the default.
hub: a repository of the Hugging Face hub, perhaps with @revision ('main' where there is none); or url: a plain address.
file: its name in the repository; where not said, model.safetensors or else pytorch_model.bin.
layout: whose names the tensors have (timm where not said).
licence: an SPDX identifier, or 'unknown'. data: what the weights were trained on, in order.
classes (1000 where not said), size and test_size in pixels, crop and test_crop (share of the resized image that the
crop keeps), crop_mode (center, or squash: none), interpolation, mean, std: ImageNet's where not said.
source: who trained them. note: what else there is to know, of the licence above all.

`tools/list_public_weights.py` writes what timm lists; the files' last part, if any, is written by hand.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from anmok.errors import RequestError, UnknownNameError, WeightsError

PERMISSIVE = ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "Unlicense")


@dataclass(frozen=True, kw_only=True)
class PublicWeights:
    """One public weight file of a preset."""

    name: str  # of the preset
    tag: str
    licence: str
    data: str
    hub: str | None = None
    url: str | None = None
    file: str | None = None
    layout: str = "timm"
    classes: int = 1000
    size: int = 224
    test_size: int | None = None
    crop: float = 0.875
    test_crop: float | None = None
    crop_mode: str = "center"
    interpolation: str = "bicubic"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    source: str | None = None
    note: str | None = None

    def __str__(self) -> str:
        return f"{self.name}.{self.tag}"

    def is_licensed(self, licence: str) -> bool:
        """Whether this is the licence; 'permissive' ones allow any use, commercial too, for naming the author."""
        known = {weights.licence.lower() for files in read_public().values() for weights in files}
        if licence.lower() not in {"permissive", *known}:
            raise RequestError(f"A licence is permissive, {' or '.join(sorted(known))}: got '{licence}'.")
        return (
            self.licence in PERMISSIVE if licence.lower() == "permissive" else self.licence.lower() == licence.lower()
        )

    @property
    def preprocessing(self) -> dict[str, Any]:
        """How images are prepared for these weights, in timm's words."""
        found = {
            "interpolation": self.interpolation,
            "crop_pct": self.crop,
            "crop_mode": self.crop_mode,
            "mean": self.mean,
            "std": self.std,
            "architecture": self.name,
        }
        if self.test_size is not None:
            found["test_input_size"] = (3, self.test_size, self.test_size)
        if self.test_crop is not None:
            found["test_crop_pct"] = self.test_crop
        return found

    @property
    def provenance(self) -> dict[str, Any]:
        """The preprocessing, and where the weights come from, in timm's words."""
        said: dict[str, Any] = {
            "tag": self.tag,
            "license": self.licence.lower(),
            "hf_hub_id": self.hub,
            "url": self.url,
        }
        said |= {"origin_url": self.source, "description": self.data, "num_classes": self.classes}
        return self.preprocessing | {key: value for key, value in said.items() if value is not None}


@cache
def read_public() -> Mapping[str, tuple[PublicWeights, ...]]:
    """All public weight files, by preset; the default first."""
    found = {}
    for entry in resources.files(__name__).iterdir():
        if entry.name.endswith(".toml"):
            for name, files in tomllib.loads(entry.read_text()).items():
                found[name] = tuple(_weights(name, tag, row) for tag, row in files.items())
    return found


def _weights(name: str, tag: str, row: dict[str, Any]) -> PublicWeights:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return PublicWeights(name=name, tag=tag, **fields)


def find_public(name: str, tag: str = "") -> PublicWeights:
    """The public weights of a preset that have this tag, or the default ones.

    Raises `WeightsError` where no public weights are known, and `UnknownNameError` for a tag that is none.
    """
    files = {weights.tag: weights for weights in read_public().get(name, ())}
    if not files:
        raise WeightsError(
            f"No public weights of {name} are known. Name a file or a repository of the Hugging Face hub: "
            "pretrained='path/or/hub-id'."
        )
    if tag and tag not in files:
        near = " or ".join(f"'{other}'" for other in get_close_matches(tag, files, n=3, cutoff=0.5) or list(files)[:3])
        raise UnknownNameError(f"No public weights of {name} are called '{tag}'. Did you mean {near}?")
    return files[tag] if tag else next(iter(files.values()))
