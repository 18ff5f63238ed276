"""How much does a classifier still recognise when the image is cut into tiles and the tiles are shuffled?

Naseer et al. 2021, "Intriguing Properties of Vision Transformers", arXiv:2105.10497, sec. 3.2: tiles keep
texture and colour and lose the arrangement of the whole.
Departs from the paper, which gives accuracies alone: the value is the share of the right answers that stay
right, image by image, so that a weak and a strong classifier can be compared. The orders are drawn uniformly,
so one tile in g^2 stays in its place by chance, and guessing keeps one answer in k.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Int
from torch import Tensor, nn

from anmok.backbone.evaluating import evaluating
from anmok.errors import RequestError
from anmok.evaluation.metrics import Proportion, accuracy
from anmok.probes.informative import uninformative
from anmok.probes.result import ProbeResult, Status
from anmok.shapes import Labels, Pixels

_CHUNK = 64  # images answered at once


@dataclass(frozen=True, kw_only=True)
class PatchShuffle(ProbeResult):
    """Share of right answers that stay right on the finest grid, Wilson interval; `n` counts those answers."""

    accuracies: dict[int, Proportion]  # tiles per side -> accuracy; 1 is the intact image
    kept: dict[int, Proportion]  # tiles per side -> share of the intact image's right answers


def patch_shuffle(
    network: nn.Module, pixels: Pixels, labels: Labels, *, grids: Sequence[int] = (2, 4), seed: int = 0
) -> PatchShuffle:
    """Answer the same images intact and shuffled on each grid of g x g tiles.

    `network` maps images in [0, 1] to logits. The orders depend on the seed, the grid and the place of the
    image alone, so that all networks see the same tiles.
    """
    _check(pixels, labels, grids)
    with evaluating(network):
        intact = _right(network, pixels, labels)
        shuffled = {g: _right(network, shuffle_tiles(pixels, g, seed), labels) for g in grids}
    whole = accuracy(intact)
    note = uninformative(intact, labels)
    kept = {} if note else {g: accuracy(right[intact]) for g, right in shuffled.items()}
    finest = kept.get(max(grids))
    return PatchShuffle(
        metric="patch shuffle",
        definition=f"patch shuffle, {max(grids)} x {max(grids)} tiles, share of right answers kept, version 1",
        value=finest.value if finest else nan,
        low=finest.low if finest else None,
        high=finest.high if finest else None,
        unit="share",
        n=int(intact.sum()),
        status=Status.NOT_APPLICABLE if note else Status.OK,
        note=note,
        accuracies={1: whole} | {g: accuracy(right) for g, right in shuffled.items()},
        kept=kept,
    )


def shuffle_tiles(pixels: Pixels, grid: int, seed: int) -> Pixels:
    """Cut each image into grid x grid tiles and put them back in an order of its own."""
    orders = _orders(len(pixels), grid, seed)
    tiles = rearrange(pixels, "b c (rows h) (columns w) -> b (rows columns) c h w", rows=grid, columns=grid)
    mixed = tiles[torch.arange(len(pixels))[:, None], orders]
    return rearrange(mixed, "b (rows columns) c h w -> b c (rows h) (columns w)", rows=grid, columns=grid)


def _orders(count: int, grid: int, seed: int) -> Int[Tensor, "b tiles"]:
    rng = np.random.default_rng((seed, grid))
    return torch.from_numpy(rng.permuted(np.tile(np.arange(grid**2), (count, 1)), axis=1))


@torch.inference_mode()
def _right(network: nn.Module, pixels: Pixels, labels: Labels) -> Bool[np.ndarray, " b"]:
    device = next(network.parameters()).device
    starts = range(0, len(pixels), _CHUNK)
    parts = (pixels[start : start + _CHUNK].to(device).float().div_(255) for start in starts)
    answers = [network(part).argmax(1).cpu() for part in parts]
    return (torch.cat(answers) == labels.cpu()).numpy()


def _check(pixels: Pixels, labels: Labels, grids: Sequence[int]) -> None:
    if len(pixels) == 0 or len(pixels) != len(labels):
        raise RequestError(
            f"Each image needs one label, and one image at least: got {len(pixels)} images and {len(labels)} labels. "
            "Give both the same length."
        )
    if not grids:
        raise RequestError("A shuffle needs a grid: got none. Give the tiles per side, such as (2, 4).")
    sides = pixels.shape[2:]
    for grid in grids:
        if grid < 2 or any(side % grid for side in sides):
            fitting = [str(g) for g in range(2, 17) if not any(side % g for side in sides)]
            raise RequestError(
                f"A grid has at least 2 x 2 tiles of equal size: got {grid} for images of {sides[0]} x {sides[1]}. "
                f"Choose among {', '.join(fitting) or 'other sizes of image'}."
            )
