"""How far does one cell of a feature map look?

Luo et al. 2016, arXiv:1701.04128: the gradient of the cell with respect to the pixels. Its size is taken as
in Ding et al. 2022 (RepLKNet, arXiv:2203.06717, sec. 4): the side of the smallest square that holds a share.
Departs from RepLKNet's code: the absolute gradient, not its positive part; no log10 before the shares, which
makes them depend on the scale of the weights; and the square may lie anywhere, because on a small map the
centre cell's field is up to half a stride off the image's centre.
"""

from dataclasses import dataclass
from math import nan

import torch
from einops import einsum, reduce
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from anmok.backbone import Backbone
from anmok.backbone.evaluating import evaluating
from anmok.errors import RequestError
from anmok.probes.result import ProbeResult, Status
from anmok.shapes import Images

_CHUNK = 16  # images whose gradients are held at once
_DRAWS = 200  # of the bootstrap


@dataclass(frozen=True, kw_only=True)
class ReceptiveField(ProbeResult):
    """The side of the square, pixels; `n` counts the images in which a gradient reaches the pixels.

    An image weighed alike everywhere gives `sqrt(share)` of its own side: no value above that means more.
    """

    heat: Float[Tensor, "height width"]  # share of the gradient on each pixel; sums to 1 where there is any
    share: float  # that the square holds, in (0, 1)


def effective_receptive_field(
    backbone: Backbone, images: Images, *, stage: int = -1, share: float = 0.5
) -> ReceptiveField:
    """Measure the centre cell of `stage` over images normalised as the backbone was trained with.

    RepLKNet averages 50 images; fewer leave noise. The interval is a percentile bootstrap over images.
    """
    if not 0 < share < 1:
        raise RequestError(f"A share lies between 0 and 1: got share={share}. Give 0.5 for half of the gradient.")
    if not -len(backbone.stages) <= stage < len(backbone.stages):
        raise RequestError(
            f"This network has {len(backbone.stages)} stages: got stage={stage}. "
            f"Choose from 0 to {len(backbone.stages) - 1}."
        )
    with evaluating(backbone), torch.enable_grad():
        parts = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
        heats = torch.cat([_heats(backbone, part, stage) for part in parts])
    heats = heats[reduce(heats, "b height width -> b", "sum") > 0]
    informative = len(heats) > 0
    heat = heats.sum(0) / heats.sum() if informative else heats.sum(0)
    low, high = _interval(share, heats)
    return ReceptiveField(
        metric="effective receptive field",
        definition=f"effective receptive field, stage {stage}, share {share:g}, version 1",
        value=float(_side_holding(share, heat)) if informative else nan,
        low=low,
        high=high,
        unit="px",
        n=len(heats),
        status=Status.OK if informative else Status.NOT_APPLICABLE,
        note="" if informative else "no gradient of the centre cell reaches the pixels",
        heat=heat,
        share=share,
    )


def _heats(backbone: Backbone, images: Images, stage: int) -> Float[Tensor, "b height width"]:
    pixels = images.detach().clone().requires_grad_()
    feature = backbone.feature_maps(pixels)[stage]
    rows, columns = feature.shape[2:]
    if rows * columns == 1:
        raise RequestError(
            f"A receptive field belongs to a cell among others: stage {stage} of {type(backbone).__name__} has one "
            "place. Choose an earlier stage, larger images, or a backbone with feature maps."
        )
    # Rectified, because the plain sum of channels is constant where a layer norm comes last.
    answer = feature[:, :, rows // 2, columns // 2].relu().sum()
    (gradient,) = torch.autograd.grad(answer, pixels)
    return reduce(gradient.abs().cpu().double(), "b c height width -> b height width", "sum")


def _side_holding(share: float, heat: Float[Tensor, "height width"]) -> int:
    """Side of the smallest square that holds `share` of a heat that sums to 1; cut at the image's border."""
    height, width = heat.shape
    area = F.pad(heat.cumsum(0).cumsum(1), (1, 0, 1, 0))
    low, high = 1, max(height, width)
    while low < high:
        side = (low + high) // 2
        rows, columns = min(side, height), min(side, width)
        right, left = area[:, columns:], area[:, : width + 1 - columns]
        boxes = (right - left)[rows:] - (right - left)[: height + 1 - rows]
        low, high = (low, side) if boxes.max() >= share else (side + 1, high)
    return low


def _interval(share: float, heats: Float[Tensor, "b height width"]) -> tuple[float | None, float | None]:
    if len(heats) < 2:
        return None, None
    generator = torch.Generator().manual_seed(0)
    picks = torch.randint(len(heats), (_DRAWS, len(heats)), generator=generator)
    counts = F.one_hot(picks, len(heats)).sum(1).double()
    sides = []
    for weights in counts:
        heat = einsum(weights, heats, "b, b height width -> height width")
        sides.append(_side_holding(share, heat / heat.sum()))
    low, high = torch.tensor(sides, dtype=torch.float64).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return float(low), float(high)
