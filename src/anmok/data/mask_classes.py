"""Which ids of masks are which classes."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from anmok.data.imagedata import ImageData
from anmok.data.mask_files import IGNORED
from anmok.data.mask_scan import Scan
from anmok.errors import DataError

NAMES = "classes.txt"
VOID = ("void", "ignore", "ignored", "unlabelled", "unlabeled")  # names of what is no class
_TWO = (0, IGNORED)  # the ids of black-and-white masks


@dataclass(frozen=True, kw_only=True)
class Naming:
    """The names of the classes, and the id of each in the masks; `void` are ids that are ignored beside 255."""

    classes: tuple[str, ...]
    ids: tuple[int, ...]
    void: tuple[int, ...] = ()

    @property
    def lookup(self) -> UInt8[np.ndarray, "256"]:
        """The class of each id, or `IGNORED`."""
        classes = np.full(256, IGNORED, dtype=np.uint8)
        classes[list(self.ids)] = range(len(self.ids))
        return classes


def name_classes(masks: ImageData, seen: Scan, file: Path, known: Naming | None = None) -> Naming:
    """Classes by the lines of a file, in the order of their ids from 0; without a file, class 0, class 1 and so on.

    Where all masks hold nothing but 0 and 255 and there are two classes, these are their ids; else 255 is ignored, and
    so is what the file calls void or another name of `VOID`. Where classes are `known`, those of the file must be
    the same.

    Raises
    ------
    DataError
        An id without a class, or fewer than two classes.

    """
    present = np.flatnonzero(seen.areas.any(0)).tolist()
    names = _read_names(file)
    if known is not None and not names:
        naming = _as_known(known, present)
    elif present in ([*_TWO], [IGNORED]) and len(names) in (0, 2):
        naming = Naming(classes=names or ("class 0", "class 1"), ids=_TWO)
    else:
        naming = _listed(names) if names else _numbered(masks, [id for id in present if id != IGNORED])
    if known is not None and naming.classes != known.classes:
        raise DataError(
            f"The classes are those of the network, {', '.join(known.classes[:5])}"
            f"{', ...' if len(known.classes) > 5 else ''}: '{file}' names {', '.join(naming.classes[:5])}. "
            "Rename them, in the order of the network's ids."
        )
    _check_ids(masks, seen, naming)
    return naming


def _as_known(known: Naming, present: list[int]) -> Naming:
    """The ids of a network's classes in masks that may be black and white, or count their two classes 0 and 1."""
    if len(known.ids) > 2:
        return known
    two = _TWO if IGNORED in present and 1 not in present else (0, 1) if known.ids == _TWO else known.ids
    return Naming(classes=known.classes, ids=two, void=known.void)


def _listed(names: tuple[str, ...]) -> Naming:
    kept = [id for id, name in enumerate(names) if name.lower() not in VOID]
    void = tuple(id for id in range(len(names)) if id not in kept)
    return Naming(classes=tuple(names[id] for id in kept), ids=tuple(kept), void=void)


def _numbered(masks: ImageData, ids: list[int]) -> Naming:
    if ids != list(range(len(ids))):
        listed = ", ".join(map(str, ids[:6])) + (", ..." if len(ids) > 6 else "")
        raise DataError(
            f"Class ids count from 0 without a gap: the masks of '{masks.name}' have {listed}. "
            f"Save them anew, or name all classes in {NAMES}."
        )
    return Naming(classes=tuple(f"class {id}" for id in ids), ids=tuple(ids))


def _check_ids(masks: ImageData, seen: Scan, naming: Naming) -> None:
    if len(naming.classes) < 2:
        only = f"only '{naming.classes[0]}'" if naming.classes else "none"
        raise DataError(f"Segmentation needs at least two classes: the masks of '{masks.name}' have {only}.")
    present = np.flatnonzero(seen.areas.any(0)).tolist()
    strange = [id for id in present if id not in (*naming.ids, *naming.void, IGNORED)]
    if strange:
        first = int(np.flatnonzero(seen.areas[:, strange[0]])[0])
        raise DataError(
            f"Every id of a mask is that of a class, {', '.join(map(str, naming.ids[:12]))}"
            f"{', ...' if len(naming.ids) > 12 else ''}, or 255, which is ignored: "
            f"'{masks.path(first)}' has {strange[0]}. Name that class in {NAMES} too, or save the mask "
            "anew."
        )


def _read_names(path: Path) -> tuple[str, ...]:
    """The names in the file, or none where there is no such file."""
    if not path.is_file():
        return ()
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").strip().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"'{path}' cannot be read as UTF-8 text. Write one class name a line.") from error
    twice = [name for name, count in Counter(names).items() if count > 1 or not name]
    if twice or not names:
        fault = f"has '{twice[0]}' twice" if twice and twice[0] else "has an empty line"
        raise DataError(f"Every class has a name of its own, one a line: '{path}' {fault}. Mend the file.")
    return names
