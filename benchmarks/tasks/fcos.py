"""FCOS: every place of a pyramid says what object it lies in, and how far away the object's four sides are.

Tian et al. 2019, "FCOS: Fully Convolutional One-Stage Object Detection", arXiv:1904.01355. Departs from the paper:
two convolutions a branch in place of four; sizes are shared out for strides from 4 on; boxes are learnt by 1 - IoU.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from average_precision import Detections, suppress
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from anmok.backbone import Pyramid

REACH = 3  # an object belongs to the finest map from one of whose places its sides are no more strides away
NOTHING = -1  # the label of a place that lies in no object


class Answers(NamedTuple):
    """What the places of all maps say, one after another."""

    logits: Tensor  # (b, n, classes)
    sides: Tensor  # (b, n, 4): distances to left, top, right, bottom, pixels
    centred: Tensor  # (b, n): logit of how central a place is


class Targets(NamedTuple):
    """What they should say."""

    labels: Tensor  # (b, n), NOTHING outside of all objects
    sides: Tensor  # (b, n, 4)


class Detector(nn.Module):
    """A pyramid and a head that all its maps share (fig. 2)."""

    def __init__(self, pyramid: Pyramid, num_classes: int) -> None:
        super().__init__()
        width = pyramid.out_channels
        self.pyramid = pyramid
        self.classify = nn.Sequential(*_branch(width), nn.Conv2d(width, num_classes, 3, padding=1))
        self.regress = nn.Sequential(*_branch(width))
        self.sides = nn.Conv2d(width, 4, 3, padding=1)
        self.centred = nn.Conv2d(width, 1, 3, padding=1)
        self.scales = nn.Parameter(torch.ones(len(pyramid.strides)))
        nn.init.constant_(self.classify[-1].bias, -4.6)  # all begin as background: probability 0.01
        for layer in (self.classify[-1], self.sides, self.centred):
            nn.init.normal_(layer.weight, std=0.01)

    def forward(self, images: Tensor) -> Answers:
        """Of every place, those of the finest map first."""
        parts = []
        for scale, stride, map in zip(self.scales, self.pyramid.strides, self.pyramid(images).values(), strict=True):
            regressed = self.regress(map)
            sides = stride * (scale * self.sides(regressed)).clamp(max=4).exp()
            answers = (self.classify(map), sides, self.centred(regressed))
            parts.append([rearrange(x, "b c h w -> b (h w) c") for x in answers])
        logits, sides, centred = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
        return Answers(logits, sides, centred.squeeze(-1))

    def loss(self, images: Tensor, boxes: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
        """Eq. 2, of a batch."""
        answers = self(images)
        middles, strides = self.places(images.shape[2], images.shape[3])
        rows = [assign(middles, strides, *row) for row in zip(boxes, labels, strict=True)]
        targets = Targets(*map(torch.stack, zip(*rows, strict=True)))
        inside = targets.labels != NOTHING
        count = max(1, int(inside.sum()))
        wanted = nn.functional.one_hot(targets.labels + 1, answers.logits.shape[-1] + 1)[..., 1:].float()
        centrality = centreness(targets.sides[inside])
        return (
            focal(answers.logits, wanted).sum() / count
            + (1 - shared(answers.sides[inside], targets.sides[inside])).sum() / count
            + binary_cross_entropy_with_logits(answers.centred[inside], centrality, reduction="sum") / count
        )

    @torch.no_grad()
    def detect(self, images: Tensor, *, least: float = 0.05, most: int = 100) -> list[Detections]:
        """The objects in each image: scores are class probability times centrality, and one of two like boxes goes."""
        answers = self(images)
        middles, _ = self.places(images.shape[2], images.shape[3])
        scores = answers.logits.sigmoid() * answers.centred.sigmoid()[..., None]
        found = []
        for score, sides in zip(scores, answers.sides, strict=True):
            boxes = torch.cat((middles - sides[:, :2], middles + sides[:, 2:]), dim=1)
            best = score.flatten().topk(min(most, score.numel()))
            chosen = best.values > least
            places, labels = best.indices[chosen] // score.shape[1], best.indices[chosen] % score.shape[1]
            apart = boxes[places] + 1e4 * labels[:, None]  # boxes of different classes never meet
            kept = suppress(apart, best.values[chosen], 0.6)
            found.append(Detections(boxes[places][kept], best.values[chosen][kept], labels[kept]))
        return found

    def places(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Middles (n, 2) of all places, right and down, and their strides (n,)."""
        middles, strides = [], []
        for stride in self.pyramid.strides:
            down, across = (stride * (torch.arange(-(-side // stride)) + 0.5) for side in (height, width))
            middles.append(torch.cartesian_prod(down, across).flip(1))
            strides.append(torch.full((len(middles[-1]),), float(stride)))
        return torch.cat(middles), torch.cat(strides)


def assign(middles: Tensor, strides: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Label and sides of the smallest object that each place lies in and whose size is its map's (sec. 3.2)."""
    if not len(boxes):
        return torch.full((len(middles),), NOTHING), torch.zeros(len(middles), 4)
    sides = torch.cat((middles[:, None] - boxes[None, :, :2], boxes[None, :, 2:] - middles[:, None]), dim=-1)
    farthest = sides.amax(-1)
    upper = torch.where(strides == strides.max(), float("inf"), REACH * strides)[:, None]
    lower = torch.where(strides == strides.min(), 0.0, REACH * strides / 2)[:, None]
    fits = (sides.amin(-1) > 0) & (farthest > lower) & (farthest <= upper)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    smallest = torch.where(fits, areas[None], float("inf")).min(dim=1)
    rows = torch.arange(len(middles))
    return torch.where(smallest.values.isfinite(), labels[smallest.indices], NOTHING), sides[rows, smallest.indices]


def centreness(sides: Tensor) -> Tensor:
    """1 in the middle of a box, 0 at its border (eq. 3)."""
    pairs = torch.stack((sides[:, [0, 2]], sides[:, [1, 3]]), dim=1)
    return (pairs.amin(-1) / pairs.amax(-1)).prod(-1).sqrt()


def shared(sides: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of boxes around the same places."""
    both = torch.minimum(sides, others)
    areas = [(s[:, :2] + s[:, 2:]).prod(-1) for s in (both, sides, others)]
    return areas[0] / (areas[1] + areas[2] - areas[0])


def focal(logits: Tensor, wanted: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Cross-entropy that easy places hardly add to: Lin et al. 2017, arXiv:1708.02002, eq. 5."""
    surprise = binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    weight = torch.where(wanted == 1, alpha, 1 - alpha)
    return weight * (1 - (-surprise).exp()) ** gamma * surprise


def _branch(width: int) -> list[nn.Module]:
    parts: list[nn.Module] = []
    for _ in range(2):
        parts += [nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(8, width), nn.ReLU(inplace=True)]
    return parts
