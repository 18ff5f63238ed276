"""Can a place of a feature map tell where in the image it lies?

Islam, Jia & Bruce 2020, "How Much Position Information Do Convolutional Neural Networks Encode?", arXiv:2001.08248,
sec. 3: positions are read out of the features of a network that stays as it is; zero padding puts them there.
Departs from the paper: closed-form ridge regression to row and column, in place of a small CNN that is trained to give
a ramp or a bump; R2 on images held out, in place of a rank correlation. And every image is rolled around by an offset
of its own, so that nothing that it shows says where: a network that treats all places alike scores 0, whatever the
images are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from anmok.capture import as_map, find_blocks, outputs, untouched
from anmok.capture.positions import find_position_table, zero_padding
from anmok.probes.intervals import bootstrap
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject
from anmok.shapes import Images

_IMAGES = 64
_LEAST = 8
_AT_ONCE = 16
_PER_SIDE = 8  # places that are looked at, those at the border among them
_PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)  # as multiples of a channel's variance
_CONSTANT = 1e-5  # spread of a channel, as a share of its size, below which it is rounding

_HOW = (
    "R2 of ridge from a place's features to its row and column, mean of both, "
    f"half of {_IMAGES} rolled images held out, up to {_PER_SIDE} x {_PER_SIDE} places"
)
LAST = Metric("position readout", f"{_HOW}, last map, version 1", "R2")
MOST = Metric("position readout at most", f"{_HOW}, best of all blocks, version 1", "R2")
METRICS = (LAST, MOST)

Features = Float[Tensor, "n places c"]


@dataclass(frozen=True, kw_only=True)
class PositionReadout(ProbeResult):
    """R2 at the last map, and at each; `n` counts images held out."""

    blocks: dict[str, float]


def position_readout(network: nn.Module, images: Images, *, seed: int = 0) -> tuple[ProbeResult, ProbeResult]:
    """The results for LAST and MOST. The first half of the images is learned from, the second is held out."""
    if len(images) < _LEAST:
        note = f"reading positions takes {_LEAST} images or more: {len(images)} were given"
        return LAST.missing(note), MOST.missing(note)
    size = (images.shape[2], images.shape[3])
    scores = {name: score(*given) for name, given in _features(network, rolled(images, seed), size).items()}
    if not scores:
        note = "no block gives a map of 2 x 2 places or more"
        return LAST.missing(note), MOST.missing(note)
    last, best = list(scores)[-1], max(scores, key=lambda name: float(scores[name].mean()))
    why = _sources(network, images[:1], size)
    results = [
        metric.found(scores[at].mean(), bootstrap(scores[at]), n=len(scores[at]), note=f"at '{at}'; {why}")
        for metric, at in ((LAST, last), (MOST, best))
    ]
    each = {name: float(found.mean()) for name, found in scores.items()}
    return PositionReadout(**vars(results[0]), blocks=each), results[1]


def rolled(images: Images, seed: int) -> Images:
    """Each image shifted around by an offset of its own, any being as likely."""
    height, width = images.shape[2:]
    generator = torch.Generator().manual_seed(seed)
    down, across = (torch.randint(side, (len(images),), generator=generator).tolist() for side in (height, width))
    return torch.stack([image.roll((r, c), (1, 2)) for image, r, c in zip(images, down, across, strict=True)])


def score(features: Features, places: Float[Tensor, "places 2"]) -> Float[np.ndarray, " held"]:
    """R2 of each image of the second half, the mean for rows and columns; their mean is R2 of all."""
    half = len(features) // 2
    x, y = features.double(), places.double() - places.double().mean(0)
    rows = rearrange(x[:half], "n places c -> (n places) c")
    mean, spread = rows.mean(0), rows.std(0)
    moves = spread > _CONSTANT * rows.square().mean(0).sqrt()
    if not moves.any():
        return np.zeros(len(features) - half)
    x = (x[..., moves] - mean[moves]) / spread[moves]
    wrong = (x[half:] @ _ridge(x[:half], y) - y) ** 2
    return (1 - wrong.sum(1) / (y**2).sum(0)).mean(1).numpy()


def _ridge(x: Features, y: Float[Tensor, "places 2"]) -> Float[Tensor, "c 2"]:
    """(XᵀX + λ I)⁻¹ XᵀY over all places of all images, with the λ that errs least about images left out in turn.

    Exactly, from one eigen-decomposition: without its own image, an image's error is (I - H)⁻¹ times what is left of
    it, where H is its block of X (XᵀX + λ I)⁻¹ Xᵀ.
    """
    squares, axes = _principal(rearrange(x, "n places c -> (n places) c"))
    z = x @ axes
    moments = z.sum(0).T @ y
    own = torch.eye(len(y), dtype=y.dtype)
    best, least = moments, torch.inf
    for penalty in _PENALTIES:
        shrunken = moments / (squares + penalty * len(x) * len(y))[:, None]
        blocks = own - (z / (squares + penalty * len(x) * len(y))) @ z.mT
        error = float((torch.linalg.solve(blocks, y - z @ shrunken) ** 2).sum())
        if error < least:
            best, least = shrunken, error
    return axes @ best


def _principal(rows: Float[Tensor, "n c"]) -> tuple[Float[Tensor, " axes"], Float[Tensor, "c axes"]]:
    """Eigenvalues above 0 of RᵀR and its eigenvectors, from the smaller of the two Gram matrices."""
    wide = len(rows) < rows.shape[1]
    values, vectors = torch.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    kept = values > values[-1] * max(rows.shape) * torch.finfo(values.dtype).eps
    values, vectors = values[kept], vectors[:, kept]
    return values, rows.T @ vectors / values.sqrt() if wide else vectors


def _features(network: nn.Module, images: Images, size: tuple[int, int]) -> dict[str, tuple[Tensor, Tensor]]:
    """What the blocks say at some places of each image, and the places, from 0 to 1."""
    found: dict[str, list[Tensor]] = {}
    with untouched(network), torch.no_grad():
        blocks = find_blocks(network, images)
        for part in images.split(_AT_ONCE):
            for name, output in outputs(network, part, blocks).items():
                map = as_map(output, size, batch=len(part))
                if map is not None and min(map.shape[2:]) > 1:
                    found.setdefault(name, []).append(map[:, :, *_chosen(*map.shape[2:])].cpu())
    return {
        name: (rearrange(torch.cat(maps), "n c h w -> n (h w) c"), torch.cartesian_prod(*_places(*maps[0].shape[2:])))
        for name, maps in found.items()
    }


def _chosen(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Rows, as a column of indices, and columns, from border to border."""
    rows, columns = (torch.linspace(0, n - 1, min(n, _PER_SIDE)).round().long() for n in (height, width))
    return rows[:, None], columns


def _places(height: int, width: int) -> list[Tensor]:
    return [torch.linspace(0, 1, n, dtype=torch.float64) for n in (height, width)]


def _sources(network: nn.Module, image: Images, size: tuple[int, int]) -> str:
    """What could have told the network, in words."""
    with untouched(network), torch.no_grad(), zero_padding() as padded:
        network(image)
    table = find_position_table(network, size)
    seen = ["zero padding"] if padded else []
    seen += [f"the position table '{table.name}'"] if table else []
    return f"{' and '.join(seen)} seen" if seen else "neither zero padding nor a position table seen"


def _measure(subject: Subject) -> Sequence[ProbeResult]:
    return position_readout(subject.network, subject.images(_IMAGES), seed=subject.seed)


PROBE = Probe(
    number=8,
    name="position",
    question="Can a place of a feature map tell where in the image it lies?",
    profile=Profile.STANDARD,
    metrics=METRICS,
    measure=_measure,
)
