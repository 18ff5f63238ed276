"""From a user's images to splits and decoded pixels, or masks, once for each run directory."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from anmok.data import (
    Audit,
    Finding,
    ImageData,
    audit,
    image_size,
    make_splits,
    read_splits,
    resolvable_difference,
    write_pixels,
    write_splits,
)
from anmok.data.imagedata import SPLITS
from anmok.evaluation.measurements import Measurement
from anmok.selection.campaign import Campaign
from anmok.selection.material import Material, open_material
from anmok.selection.objectives import request_rows
from anmok.selection.segment_material import SegmentMaterial
from anmok.tasks.segmentation import open_masks


class Sides(NamedTuple):
    """Which sides of the images may be chosen where --image-size says nothing, pixels."""

    lowest: int = 28
    highest: int = 48  # what a CPU can race from scratch in minutes
    step: int = 4


FROM_SCRATCH = Sides()
MASKED_SIDE = 96  # of the squares that segmentation learns from, where --image-size says nothing, pixels


def prepare(data: ImageData, campaign: Campaign, sides: Sides = FROM_SCRATCH) -> Material:
    """Audit the images, cut the splits, decode everything to one size; what is done already is read."""
    start = time.monotonic()
    request, run, observer = campaign.request, campaign.run, campaign.observer
    table = campaign.table
    if not table.rows(metric="image_size"):
        observer.stage("Audit")
        health = audit(data, progress=lambda done, total: observer.progress(done, total, "images"))
        splits = make_splits(data, health, seed=request.seed)
        write_splits(splits, run.splits)
        side = request.image_size or image_size(health, *sides)
        rows = _rows(health, data.classes, splits["split"].to_list(), side) + request_rows(request, data.classes)
        if request.costs:
            run.costs.write_text(request.costs, encoding="utf-8")
        table.append(rows)
        for finding in health.findings():
            observer.note(f"{finding.severity}: {finding.text}")
    side = int(table.rows(metric="image_size")[-1].value)
    decode(data, [side], campaign)
    if not table.rows(metric="preparation_seconds"):
        spent = time.monotonic() - start
        table.append([Measurement(subject="run", metric="preparation_seconds", value=spent, unit="s")])
    return open_material(run, side, data.classes)


def decode(data: ImageData, sides: Sequence[int], campaign: Campaign) -> None:
    """Decode all images to squares of every size that is not done yet; sides in pixels."""
    run, observer = campaign.run, campaign.observer
    missing = [side for side in sides if not run.pixels(side).exists()]
    if missing:
        observer.stage("Decoding")
    for side in missing:
        watch = partial(observer.progress, detail=f"images, to {side} pixels")
        write_pixels(data, read_splits(run.splits)["id"].to_list(), side, run.pixels(side), progress=watch)


def _rows(health: Audit, classes: tuple[str, ...], splits: list[str], side: int) -> list[Measurement]:
    counts = {name: splits.count(name) for name in ("train", "select", "test")}
    rows = [Measurement(subject="data", metric=f"{name}_images", value=count) for name, count in counts.items()]
    rows.append(Measurement(subject="data", metric="image_size", value=side, unit="pixels"))
    rows.append(Measurement(subject="data", metric="short_side", value=health.short_side.median, unit="pixels"))
    resolution = resolvable_difference(counts["select"])
    rows.append(
        Measurement(
            subject="data",
            metric="resolvable_difference",
            value=resolution,
            unit="points",
            n=counts["select"],
        )
    )
    return rows + class_rows(classes) + finding_rows(health.findings())


def class_rows(classes: Sequence[str]) -> list[Measurement]:
    """The names of the classes, in the order of the labels."""
    return [Measurement(subject="data", metric="class", value=i, note=name) for i, name in enumerate(classes)]


def finding_rows(findings: Sequence[Finding]) -> list[Measurement]:
    """What an audit found."""
    return [
        Measurement(subject="data", metric="finding", value=1.0, note=f.text, conditions={"severity": f.severity})
        for f in findings
    ]


def prepare_masks(data: Path, campaign: Campaign) -> SegmentMaterial:
    """Audit images with masks and cut the splits; what is done already is read.

    Raises `RunDirectoryError` where the data is no longer that of the beginning.
    """
    start = time.monotonic()
    request, run, table = campaign.request, campaign.run, campaign.table
    begun = table.rows(metric="image_size")
    side = int(begun[-1].value) if begun else request.image_size or MASKED_SIDE
    campaign.observer.stage("Audit")
    material = SegmentMaterial(problem=open_masks(data, request.seed, shorter=side), side=side)
    problem = material.problem
    run.keep_splits(problem.splits, data)
    if not begun:
        counts = {name: len(material.rows(name)) for name in SPLITS}
        rows = [Measurement(subject="data", metric=f"{name}_images", value=count) for name, count in counts.items()]
        rows.append(Measurement(subject="data", metric="image_size", value=side, unit="pixels"))
        rows += class_rows(material.classes) + finding_rows(problem.findings())
        rows += request_rows(request, material.classes)
        spent = time.monotonic() - start
        table.append([*rows, Measurement(subject="run", metric="preparation_seconds", value=spent, unit="s")])
        for finding in problem.findings():
            campaign.observer.note(f"{finding.severity}: {finding.text}")
    return material
