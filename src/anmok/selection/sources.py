"""Where the pretrained weights of candidates are to be had: public ones, their makers' own, or files in a folder."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

from anmok.backbone import Backbone
from anmok.catalogue import create_model, list_models, require_model, split_tag
from anmok.catalogue.names import is_foreign
from anmok.catalogue.public import find_public, read_public
from anmok.catalogue.starters import list_starters
from anmok.catalogue.weights import SUFFIXES
from anmok.errors import RequestError
from anmok.experience import WEIGHTS_MARK
from anmok.selection.prepare import Sides
from anmok.training.device import default_device

Sources: TypeAlias = Mapping[str, Path | None]
"""By candidate: its weight file, or None for weights that are public or its maker's own."""

_LEAST = 64  # pixels of a side; what was learnt from larger images tells little below
_MOST = {"cpu": 128}  # pixels; what a CPU can fine-tune in minutes. Elsewhere:
_USUAL = 224  # pixels; what public weights were trained with
_STEP = 32  # pixels; nearly every network takes its multiples


def find_sources(patterns: Sequence[str], folder: str | None) -> Sources:
    """The candidates of a race from pretrained weights, and where these are; sorted.

    Patterns are names and wildcards of presets; a tag chooses among their public weights ('resnet50.tv2_in1k',
    'resnet50.*'). None means `list_starters`. With a folder, presets start from its files that have their names,
    perhaps with a tag of one's own (resnet18.safetensors, resnet18.mine.pth); none means all of these. Networks from
    elsewhere have their makers' weights. A preset that is named in full needs no weights yet: it is left out later.
    Raises `UnknownNameError` for what is no name, and `RequestError` for wildcards and folders that give nothing.
    """
    files = None if folder is None else _files(Path(folder))
    if not patterns:
        return dict.fromkeys(sorted(list_starters())) if files is None else files
    found: dict[str, Path | None] = {}
    for pattern in patterns:
        if is_foreign(pattern):
            found[require_model(pattern).name] = None
        elif files is None:
            found |= dict.fromkeys(_public(pattern) or [_in_full(pattern, "public weights")])
        else:
            fitting = {n: f for n, f in files.items() if any(fnmatchcase(x, pattern) for x in (n, split_tag(n)[0]))}
            found |= fitting or {_in_full(pattern, f"a file in '{folder}'"): Path(f"{folder}/{pattern}{SUFFIXES[0]}")}
    return dict(sorted(found.items()))


def choose_sides(models: Iterable[str]) -> Sides:
    """Bounds for the size of the images of a race: one for all, so that its answers can be compared image by image.

    That of the images themselves, in steps of 32 pixels, from 64 to what public weights were trained with; to 128 on a
    CPU, where four times the pixels take four times as long. Networks that know smaller images only get these.
    """
    known = max(require_model(split_tag(model)[0]).spec.img_size[0] for model in models)
    highest = min(known, _MOST.get(default_device().type, _USUAL))
    return Sides(lowest=min(_LEAST, highest), highest=highest, step=_STEP)


def build(model: str, file: Path | None, image_size: int, num_classes: int | None = None) -> Backbone:
    """A candidate with its weights, for as many classes as they have or as are said."""
    name = model if file is None else split_tag(model)[0]
    return create_model(name, file or True, num_classes=num_classes, img_size=image_size)


def identify(model: str, file: Path | None) -> str:
    """Name the weights, so that trainings from the same ones are known again: resnet18+a1_in1k; a digest of files."""
    name, tag = split_tag(model)
    if file is not None:
        with file.open("rb") as content:
            return f"{name}{WEIGHTS_MARK}{hashlib.file_digest(content, 'sha256').hexdigest()[:8]}"
    return f"{name}{WEIGHTS_MARK}{'own' if is_foreign(model) else find_public(name, tag).tag}"


def _public(pattern: str) -> list[str]:
    """The presets, or with a tag the weights, that match and are public."""
    if "." in pattern:
        return [name for name in list_models(pretrained=True) if fnmatchcase(name, pattern)]
    return [name for name in list_models(pattern) if name in read_public()]


def _files(folder: Path) -> dict[str, Path]:
    """The weight files that are called as presets; of several for one, the first of the usual suffixes."""
    if not folder.is_dir():
        raise RequestError(f"--weights takes a folder: got '{folder}', which is none. Check the path.")
    presets = set(list_models())
    rank = SUFFIXES.index
    files = sorted((f for f in folder.iterdir() if f.suffix in SUFFIXES), key=lambda f: (f.stem, -rank(f.suffix)))
    found = {file.stem: file for file in files if split_tag(file.stem)[0] in presets}
    if not found:
        raise RequestError(
            f"The files in a folder of weights are called as models, such as resnet18.safetensors: '{folder}' has none "
            "that is. `anmok models` lists their names."
        )
    return found


def _in_full(pattern: str, lacking: str) -> str:
    """A name that needs no match; wildcards and tags do."""
    if re.search(r"[*?[]", pattern):
        raise RequestError(f"'{pattern}' matches no model that has {lacking}. Name others, or leave --models out.")
    name, tag = split_tag(pattern)
    require_model(name)
    if tag:
        find_public(name, tag)
    return pattern
