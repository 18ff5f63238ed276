"""How well images were segmented: rows for the table, and what the report shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from anmok.data.mask_files import Mask
from anmok.evaluation.measurements import Measurement
from anmok.evaluation.segmentation import (
    Metric,
    PixelCounts,
    class_dice,
    class_iou,
    count_boundaries,
    count_pixels,
    mean_dice,
    mean_iou,
    of_class,
    pixel_error,
    stack,
    with_interval,
)
from anmok.tasks.mask_drawings import LEGEND
from anmok.tasks.section import Picture, Section

WORST = 6  # images that are shown


@dataclass(frozen=True, kw_only=True)
class ImageCounts:
    """What was right in one image."""

    id: int
    pixels: PixelCounts
    boundaries: PixelCounts


def count(id: int, predicted: Mask, true: Mask, num_classes: int) -> ImageCounts:
    """Counts of one image."""
    return ImageCounts(
        id=id,
        pixels=count_pixels(predicted, true, num_classes),
        boundaries=count_boundaries(predicted, true, num_classes),
    )


def score_rows(counts: Sequence[ImageCounts], classes: Sequence[str]) -> list[Measurement]:
    """MIoU first, then Dice, boundary IoU, pixel error and the IoU of each class, with intervals over the images."""
    pixels, boundaries = stack([each.pixels for each in counts]), stack([each.boundaries for each in counts])
    rows = [
        _row("mean_iou", mean_iou, pixels),
        _row("dice", mean_dice, pixels),
        _row("boundary_iou", mean_iou, boundaries),
        _row("pixel_error", pixel_error, pixels),
    ]
    present = np.flatnonzero(~np.isnan(class_iou(pixels.pooled())))
    return [*rows, *(_row(f"iou_{classes[label]}", of_class(label), pixels) for label in present.tolist())]


def worst_images(counts: Sequence[ImageCounts]) -> list[tuple[int, float]]:
    """Ids and mIoU of the images with the lowest mIoU, the worst first; those without truth are left out."""
    scores = [(float(mean_iou(each.pixels)), each.id) for each in counts if each.pixels.true.any()]
    return [(id, score) for score, id in sorted(scores)[:WORST]]


def class_section(counts: Sequence[ImageCounts], classes: Sequence[str]) -> Section:
    """A table with a row for each class."""
    pixels = stack([each.pixels for each in counts]).pooled()
    boundaries = stack([each.boundaries for each in counts]).pooled()
    columns: Sequence[tuple[str, Callable[[PixelCounts], np.ndarray], PixelCounts]] = (
        ("IoU", class_iou, pixels),
        ("Dice", class_dice, pixels),
        ("boundary IoU", class_iou, boundaries),
    )
    shares = pixels.true / max(pixels.true.sum(), 1)
    values = np.stack([metric(pooled) for _, metric, pooled in columns], axis=1)
    return Section(
        title="Classes",
        text="IoU is the intersection of prediction and truth over their union, Dice twice the intersection over the "
        "sum of their areas, boundary IoU the IoU of what lies within 2 % of the image's diagonal of the contours.",
        columns=("class", "pixels", *(name for name, *_ in columns)),
        rows=tuple(
            (name, _percent(share), *map(_percent, row))
            for name, share, row in zip(classes, shares.tolist(), values.tolist(), strict=True)
        ),
    )


def worst_section(pictures: Sequence[Picture]) -> Section:
    """Pictures of the worst images."""
    return Section(title="Worst images", text=f"Those with the lowest mIoU: {LEGEND}.", pictures=tuple(pictures))


def _row(name: str, metric: Metric, counts: PixelCounts) -> Measurement:
    found = with_interval(metric, counts)
    return Measurement(
        subject="", metric=f"test_{name}", value=found.value, unit="share", low=found.low, high=found.high, n=found.n
    )


def _percent(share: float) -> str:
    return "" if np.isnan(share) else f"{100 * share:.1f} %"
