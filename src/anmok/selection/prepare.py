"""From a user's images to splits and decoded pixels, once for each run directory."""

import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from anmok.data import (
    Audit,
    ImageData,
    audit,
    image_size,
    make_splits,
    read_splits,
    resolvable_difference,
    write_pixels,
    write_splits,
)
from anmok.evaluation.measurements import Measurement
from anmok.selection.campaign import Campaign
from anmok.selection.material import Material, open_material
from anmok.selection.objectives import request_rows


class Sides(NamedTuple):
    """Which sides of the images may be chosen where --image-size says nothing, pixels."""

    lowest: int = 28
    highest: int = 48  # what a CPU can race from scratch in minutes
    step: int = 4


FROM_SCRATCH = Sides()


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
    rows += [Measurement(subject="data", metric="class", value=i, note=name) for i, name in enumerate(classes)]
    rows += [
        Measurement(subject="data", metric="finding", value=1.0, note=f.text, conditions={"severity": f.severity})
        for f in health.findings()
    ]
    return rows
