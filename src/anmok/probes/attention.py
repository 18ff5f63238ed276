"""How far does attention look, how sharply, does it pour into one token, and what do position embeddings say?

Mean attention distance: Dosovitskiy et al. 2020, arXiv:2010.11929, fig. 7; Raghu et al. 2021, arXiv:2108.08810,
sec. 3. Rollout: Abnar & Zuidema 2020, arXiv:2005.00928. Sinks: Darcet et al. 2023, arXiv:2309.16588, by another
measure than theirs, which is the norm of tokens. Departs from the papers: tokens without a place are dropped, and rows
made to sum to 1 again, before distances are weighed; reference code often leaves that out, which makes every distance
smaller. Inside windows distances are those inside the window; between grids of two finenesses those between the
centres of their places.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from anmok.capture import captured_attention, pixel_centres, untouched
from anmok.capture.attention import Weights
from anmok.capture.attention_grid import AttentionGrid, attention_grid, counted_tokens
from anmok.capture.positions import find_position_table
from anmok.capture.rollout import rollout
from anmok.probes.intervals import bootstrap
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject
from anmok.shapes import Images

_IMAGES = 16
_AT_ONCE = 4  # weights take memory with the square of the tokens
_SINK = 0.3  # share of all mass
_FEW = 10  # keys: among fewer, such a share says little
_EQUAL = 1e-9  # spread of what is all the same but for rounding

DISTANCE = Metric(
    "attention distance",
    f"from query to key, placed keys renormalised, mean over heads, then blocks, {_IMAGES} images, version 1",
    "px",
)
FIRST = Metric(
    "attention distance at first",
    f"from query to key in the first block, mean over heads, placed keys renormalised, {_IMAGES} images, version 1",
    "px",
)
ENTROPY = Metric(
    "attention entropy",
    f"of rows over all keys, by ln of their number, mean over heads, then blocks, {_IMAGES} images, version 1",
    "share",
)
SINKS = Metric(
    "attention sinks",
    f"share of heads in which one of {_FEW} keys or more has over {_SINK} of all mass, {_IMAGES} images, version 1",
    "share",
)
POSITIONS = Metric(
    "position similarity",
    "correlation over pairs of places of the cosine of their embeddings with minus their distance, version 1",
    "correlation",
)
METRICS = (DISTANCE, FIRST, ENTROPY, SINKS, POSITIONS)


@dataclass(frozen=True, kw_only=True)
class AttentionDistance(ProbeResult):
    """The mean over heads and blocks, and each head's; what all blocks together carry."""

    heads: tuple[np.ndarray, ...]  # pixels, block by block
    rollout: Float[np.ndarray, "rows columns"] | None  # see `rollout_map`, mean over images


def attention_card(network: nn.Module, images: Images) -> tuple[ProbeResult, ...]:
    """A result for each of METRICS; `n` counts images, in the last pairs of places."""
    size = (images.shape[2], images.shape[3])
    parts = []
    with untouched(network), torch.no_grad():
        for part in images.split(_AT_ONCE):
            with counted_tokens(network) as tokens, captured_attention() as weights:
                network(part)
            parts.append(_Part(weights, len(part), size, tokens))
            if not weights:
                break
    return (*_numbers(parts), position_similarity(network, size))


class _Part:
    """Some images' attention in numbers, of every block that looks from places to places."""

    def __init__(self, weights: Sequence[Tensor], images: int, size: tuple[int, int], tokens: set[int]) -> None:
        grids = [attention_grid(w, images, size, tokens) for w in weights]
        several = [grid if grid and min(len(grid.queries), len(grid.keys)) > 1 else None for grid in grids]
        placed = [(w.cpu(), grid) for w, grid in zip(weights, several, strict=True) if grid]
        self.seen = [tuple(w.shape[1:]) for w in weights]
        self.windowed = sum(grid.windows > 1 for _, grid in placed)
        self.distances = [_by_image(distance(w, grid), images) for w, grid in placed]
        self.entropies = [_by_image(entropy(w), images) for w, _ in placed]
        self.sinks = [_by_image(sinks(w), images) for w, _ in placed if w.shape[-1] >= _FEW]
        self.rollout = rollout_map([w for w, _ in placed], placed[0][1]) if len(placed) == len(weights) > 0 else None


def _by_image(of_windows: Float[Tensor, "all heads"], images: int) -> Float[Tensor, "b heads"]:
    return reduce(of_windows, "(b windows) heads -> b heads", "mean", b=images)


def _numbers(parts: Sequence[_Part]) -> tuple[ProbeResult, ...]:
    seen = parts[0].seen
    if not parts[0].distances:
        shapes = ", ".join(dict.fromkeys(f"{n} x {m}" for _, n, m in seen))
        note = f"none of the attention that was seen ({shapes}) is among places" if seen else "no attention was seen"
        return tuple(metric.missing(note) for metric in METRICS[:-1])
    far, sharp, poured = (
        [torch.cat(block) for block in zip(*(getattr(part, name) for part in parts), strict=True)]
        for name in ("distances", "entropies", "sinks")
    )
    used = f"{len(far)} of {len(seen)} attentions"
    inside = f", {parts[0].windowed} of them inside windows" if parts[0].windowed else ""
    maps = [part.rollout for part in parts]
    total = None if any(map is None for map in maps) else torch.cat([m for m in maps if m is not None]).mean(0).numpy()
    whole = _found(DISTANCE, far, f"{used}{inside}; rows renormalised over keys with a place")
    few = f"no attention chooses among {_FEW} keys or more, and of fewer one often takes much"
    return (
        AttentionDistance(**vars(whole), heads=tuple(block.nanmean(0).numpy() for block in far), rollout=total),
        _found(FIRST, far[:1], "rows renormalised over keys with a place"),
        _found(ENTROPY, sharp, used),
        _found(SINKS, poured, f"{len(poured)} of {len(seen)} attentions") if poured else SINKS.missing(few),
    )


def _found(metric: Metric, blocks: Sequence[Tensor], note: str) -> ProbeResult:
    """The mean over heads, then over blocks, then over images, of (n, heads) for every block."""
    images = torch.stack([block.nanmean(1) for block in blocks], 1).nanmean(1)
    looking = images[images.isfinite()].numpy()
    if not len(looking):
        return metric.missing("all attention goes to tokens without a place")
    return metric.found(looking.mean(), bootstrap(looking), n=len(looking), note=note)


def distance(weights: Weights, grid: AttentionGrid) -> Float[Tensor, "b heads"]:
    """Mean over queries of the pixels from a query to its keys; nan for a query that looks at no place."""
    rows = weights[:, :, grid.prefix[0] :, grid.prefix[1] :].double()
    total = rows.sum(-1)
    pixels = torch.einsum("bhnm,nm->bhn", rows, grid.distances.to(rows)) / total.where(total > 1e-6, torch.nan)
    return pixels.nanmean(-1)


def entropy(weights: Weights) -> Float[Tensor, "b heads"]:
    """-sum(A ln A) / ln m, mean over queries: 1 where all keys count alike, 0 where one counts alone."""
    return torch.special.entr(weights.double()).sum(-1).mean(-1) / log(weights.shape[-1])


def sinks(weights: Weights) -> Float[Tensor, "b heads"]:
    """1 where one key has more than its share of all queries' mass, 0 elsewhere."""
    return (weights.double().mean(-2).amax(-1) > _SINK).double()


def rollout_map(weights: Sequence[Tensor], grid: AttentionGrid) -> Float[Tensor, "b rows columns"] | None:
    """The class token's row of the rollout, or else the mean row, over the keys with a place; sums to 1.

    None where blocks look at different tokens, at windows or at reduced keys.
    """
    same = len({w.shape[-1] for w in weights} | {w.shape[-2] for w in weights}) == 1
    if not same or any(len(w) != len(weights[0]) for w in weights) or grid.windows > 1:
        return None
    total = rollout([w.double() for w in weights])
    prefix = grid.prefix[0]
    read = total[:, 0] if prefix else reduce(total, "b q k -> b k", "mean")
    read = read[:, prefix:] / read[:, prefix:].sum(-1, keepdim=True)
    return rearrange(read, "b (rows columns) -> b rows columns", rows=grid.rows)


def position_similarity(network: nn.Module, size: tuple[int, int]) -> ProbeResult:
    """Whether places that lie close have embeddings that are alike (Dosovitskiy et al. 2020, fig. 7, centre)."""
    table = find_position_table(network, size)
    if table is None:
        return POSITIONS.missing("no parameter or buffer holds an embedding of every place")
    rows, columns = (pixel_centres(n, side) for n, side in zip(table.places.shape[2:], size, strict=True))
    places = torch.cartesian_prod(rows, columns)
    embeddings = F.normalize(rearrange(table.places.cpu().double(), "1 c h w -> (h w) c"), dim=1)
    pairs = torch.triu_indices(len(places), len(places), offset=1).unbind()
    apart, alike = torch.cdist(places, places)[pairs], (embeddings @ embeddings.T)[pairs]
    if float(alike.std()) < _EQUAL or float(apart.std()) < _EQUAL:
        return POSITIONS.missing(f"all places of '{table.name}' are alike, or as far from one another")
    r = torch.corrcoef(torch.stack((alike, -apart)))[0, 1]
    return POSITIONS.found(float(r), n=len(apart), note=f"of '{table.name}'")


def _measure(subject: Subject) -> Sequence[ProbeResult]:
    return attention_card(subject.network, subject.images(_IMAGES))


PROBE = Probe(
    number=7,
    name="attention",
    question="How far does attention look, how sharply, and does it pour into single tokens?",
    profile=Profile.STANDARD,
    metrics=METRICS,
    measure=_measure,
)
