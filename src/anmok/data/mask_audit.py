"""Are these images and masks fit to learn segmentation from?"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from anmok.data.auditing import audit
from anmok.data.findings import Audit, Finding, picture_findings
from anmok.data.imagedata import SPLITS
from anmok.data.masks import MaskedImages
from anmok.data.threads import Progress

RARE = 0.001  # share of the pixels below which a class is rare
_MOST = 12  # classes whose shares are listed


def audit_masks(data: MaskedImages, *, progress: Progress | None = None) -> Audit:
    """Look at the images, as `audit` does; those whose masks cannot be read count as unreadable too."""
    health = audit(data.images, progress=progress)
    known = {bad.id for bad in health.unreadable}
    return replace(
        health, unreadable=[*health.unreadable, *(bad for bad in data.scan.unreadable if bad.id not in known)]
    )


def mask_findings(data: MaskedImages, health: Audit, splits: pl.DataFrame) -> list[Finding]:
    """One sentence per finding about images and masks, of which `splits` are those in use; the most harmful first."""
    texts = (_conflicts(data, health), _strays(data), *_absent(data, splits), *_rare(data, splits))
    warnings = [Finding("warning", text) for text in texts if text]
    return [*picture_findings(health), *warnings, *_facts(data, health, splits)]


def _conflicts(data: MaskedImages, health: Audit) -> str:
    groups = [ids for ids in health.exact_duplicates if len({data.scan.digests[id] for id in ids}) > 1]
    if not groups:
        return ""
    first = data.images.path(groups[0][0])
    return f"{len(groups):,} of the pictures that appear more than once have masks that differ, first '{first}'."


def _strays(data: MaskedImages) -> str:
    if not data.strays:
        return ""
    count = f"{len(data.strays):,} mask{' has' if len(data.strays) == 1 else 's have'}"
    return f"{count} no image and will be left out, first '{data.strays[0]}'."


def _absent(data: MaskedImages, splits: pl.DataFrame) -> Iterator[str]:
    """Classes that a split lacks: they are not learned, or not tested."""
    for split in SPLITS:
        areas = data.areas[splits.filter(split=split)["id"].to_numpy()].sum(0)
        lacking = [f"'{name}'" for name, area in zip(data.classes, areas, strict=True) if not area]
        if lacking:
            listed = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3:,} more" if len(lacking) > 3 else "")
            yield f"The {split} split has no pixel of {listed}."


def _rare(data: MaskedImages, splits: pl.DataFrame) -> Iterator[str]:
    shares = _shares(data, splits)
    rare = [f"'{n}' ({share:.2%})" for n, share in zip(data.classes, shares, strict=True) if 0 < share < RARE]
    if rare:
        listed = ", ".join(rare[:3]) + (f" and {len(rare) - 3:,} more" if len(rare) > 3 else "")
        yield f"Less than {RARE:.1%} of the pixels are {listed}: class_balance 'loss' gives rare classes weight."


def _facts(data: MaskedImages, health: Audit, splits: pl.DataFrame) -> Iterator[Finding]:
    count = len(data.classes)
    yield Finding("info", f"{splits.height:,} images with masks of {count} classes, to be trained and tested on.")
    yield Finding("info", f"Images are {health.width} wide and {health.height} high.")
    shares = list(zip(data.classes, _shares(data, splits), strict=True))
    listed = ", ".join(f"{name} {share:.1%}" for name, share in shares[:_MOST]) + (", ..." if count > _MOST else "")
    areas = data.scan.areas[splits["id"].to_numpy()].sum()
    ignored = 1 - data.areas[splits["id"].to_numpy()].sum() / areas
    yield Finding("info", f"Of the pixels that have a class: {listed}; {ignored:.1%} of all are ignored.")


def _shares(data: MaskedImages, splits: pl.DataFrame) -> np.ndarray:
    """Of the classes, in the pixels that have one."""
    areas = data.areas[splits["id"].to_numpy()].sum(0)
    return np.asarray(areas / max(areas.sum(), 1))
