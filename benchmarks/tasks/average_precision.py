"""How good a detector is: COCO's average precision."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Detections(NamedTuple):
    """What a detector found in one image."""

    boxes: Tensor  # (n, 4): left, top, right, bottom
    scores: Tensor  # (n,)
    labels: Tensor  # (n,)


def overlap(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of (n, 4) with (m, 4) boxes: (n, m)."""
    corner = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    opposite = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (opposite - corner).clamp(min=0).prod(-1)
    areas = [(b[:, 2:] - b[:, :2]).prod(-1) for b in (boxes, others)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


def suppress(boxes: Tensor, scores: Tensor, most: float) -> Tensor:
    """Which boxes are left, the best first, when all that overlap a better one by more than `most` are dropped."""
    left = scores.argsort(descending=True, stable=True)
    shared = overlap(boxes, boxes)
    kept = []
    while len(left):
        kept.append(int(left[0]))
        left = left[1:][shared[left[0], left[1:]] <= most]
    return torch.tensor(kept, dtype=torch.long)


def mean_average_precision(
    found: Sequence[Detections],
    boxes: Sequence[Tensor],
    labels: Sequence[Tensor],
    *,
    least: float = 0.5,
) -> float:
    """AP50 by default, from 0 to 1: the mean over the classes of `average_precision`.

    Each detection, the surest first, takes the object of its class and image that it overlaps most among those that
    are left, if by `least` or more; one that takes none is wrong.
    """
    classes = torch.cat([*labels]).unique().tolist()
    precisions = []
    for label in classes:
        scores, hits = [], []
        for detections, these, known in zip(found, boxes, labels, strict=True):
            mine = detections.labels == label
            scores.append(detections.scores[mine])
            hits.append(_hits(detections.boxes[mine], scores[-1], these[known == label], least))
        objects = sum(int((known == label).sum()) for known in labels)
        precisions.append(average_precision(torch.cat(scores), torch.cat(hits), objects))
    return sum(precisions) / len(precisions)


def average_precision(scores: Tensor, hits: Tensor, objects: int) -> float:
    """Mean over the recalls 0, 0.01, ... 1 of the best precision at that recall or beyond (COCO's 101 points)."""
    hits = hits[scores.argsort(descending=True, stable=True)].double()
    right = hits.cumsum(0)
    precision = right / torch.arange(1, len(hits) + 1)
    beyond = precision.flip(0).cummax(0).values.flip(0) if len(hits) else precision
    reached = torch.searchsorted(right / objects, torch.linspace(0, 1, 101, dtype=torch.float64) - 1e-9)
    return float(torch.cat((beyond, torch.zeros(1)))[reached.clamp(max=len(hits))].mean())


def _hits(boxes: Tensor, scores: Tensor, objects: Tensor, least: float) -> Tensor:
    hits = torch.zeros(len(boxes), dtype=torch.bool)
    shared = overlap(boxes, objects)
    if not len(objects):
        return hits
    for i in scores.argsort(descending=True, stable=True).tolist():
        best = int(shared[i].argmax())
        if shared[i, best] >= least:
            hits[i] = True
            shared[:, best] = -1
    return hits
