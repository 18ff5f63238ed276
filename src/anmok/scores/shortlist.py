"""Several pretrained networks and one data set -> a ranking, and which of them are worth a race."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl
import torch
from jaxtyping import Int
from torch import nn

from anmok.backbone import Kind
from anmok.catalogue import create_model, require_model, split_tag
from anmok.data import ImageData, nested_fraction
from anmok.errors import AnmokError, RequestError
from anmok.evaluation.measurements import Measurement
from anmok.evaluation.metrics import compare_paired
from anmok.scores.frozen import frozen_features, loader
from anmok.scores.leave_one_out import LeaveOneOut
from anmok.scores.score import Scores, score

_KINDS = (Kind.CNN, Kind.TRANSFORMER, Kind.HYBRID)


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A network that can be had with its weights; it is built when its turn comes, and let go after it."""

    name: str
    kind: Kind | None  # None where it is not known
    build: Callable[[], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A network's scores, and how sure its place is."""

    name: str
    kind: Kind | None
    scores: Scores
    tied: bool  # with the first: their answers, image by image, do not tell them apart
    seconds: float  # to build it and to run it on the images
    images: int


@dataclass(frozen=True, kw_only=True)
class Shortlist:
    """The networks by ridge accuracy, best first; those that should race; and why others were not scored."""

    ranking: tuple[Scored, ...]
    kept: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def frame(self) -> pl.DataFrame:
        """One row per network: its scores, the 95 % interval of the first, and whether it is kept."""
        return pl.DataFrame(
            [
                {
                    "name": row.name,
                    "kind": row.kind,
                    "kept": row.name in self.kept,
                    "tied": row.tied,
                    "ridge_low": row.scores.ridge.accuracy.low,
                    "ridge_high": row.scores.ridge.accuracy.high,
                    **row.scores.figures,
                    "seconds": row.seconds,
                }
                for row in self.ranking
            ],
            schema_overrides={"kind": pl.String, "nce": pl.Float64, "leep": pl.Float64},
        )

    def measurements(self) -> list[Measurement]:
        """The scores as rows of the table that decisions read; accuracies with their intervals."""
        return [
            _measurement(row, name, value)
            for row in self.ranking
            for name, value in row.scores.figures.items()
            if value is not None
        ]


def _measurement(row: Scored, name: str, value: float) -> Measurement:
    judged = getattr(row.scores, name)
    share = judged.accuracy if isinstance(judged, LeaveOneOut) else None
    return Measurement(
        subject=row.name,
        metric=f"{name}_score",
        value=value,
        unit="share" if share else "",
        low=share.low if share else None,
        high=share.high if share else None,
        n=row.images,
    )


def pretrained(name: str, weights: bool | str | Path = True, *, img_size: int | None = None) -> Pretrained:  # noqa: FBT001, FBT002 - as in create_model
    """A preset of the zoo with weights; names, weights and sizes are those of `create_model`."""
    preset = require_model(split_tag(name)[0])
    return Pretrained(
        name=name,
        kind=preset.architecture.kind,
        build=lambda: create_model(name, weights, img_size=img_size),
    )


def shortlist(
    models: Sequence[Pretrained],
    data: ImageData,
    ids: Int[np.ndarray, " n"],
    *,
    keep: int = 5,
    limit: int = 2000,
    device: torch.device | None = None,
) -> Shortlist:
    """Rank pretrained networks by what their frozen features know about the images `ids` of a data set.

    Kept are the first `keep`, and the first CNN, Transformer and hybrid where these are not among them: the scores
    are those of a linear head, and networks that are fine-tuned change places. Of more than `limit` images a
    stratified part is looked at; images that are alone in their class are not. Give those of the train split, so that
    others stay unseen. A network that cannot be had or run is left out, with the reason.
    """
    if not models or keep < 1:
        raise RequestError(f"A shortlist keeps one model at least: got {len(models)} models and keep={keep}.")
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise RequestError(f"Models to compare have names of their own: got {', '.join(names)}. Rename one.")
    ids = _looked_at(ids, data.samples["label"].to_numpy()[ids], limit)
    found: list[tuple[Pretrained, Scores, float]] = []
    left_out: dict[str, str] = {}
    for model in models:
        try:
            found.append((model, *_score(model, data, ids, device)))
        except AnmokError as error:
            left_out[model.name] = str(error)
    if not found:
        raise RequestError(f"No model could be scored: {next(iter(left_out.values()))}")
    ranking = _ranked(found)
    kept = [row.name for row in ranking[:keep]]
    for kind in _KINDS:
        kept += [row.name for row in [r for r in ranking if r.kind is kind][:1] if row.name not in kept]
    return Shortlist(ranking=ranking, kept=tuple(kept), left_out=left_out)


def _score(
    model: Pretrained, data: ImageData, ids: Int[np.ndarray, " n"], device: torch.device | None
) -> tuple[Scores, float]:
    """The scores of one model, and the seconds to build it and to run it."""
    started = perf_counter()
    network = model.build()
    frozen = frozen_features(network, loader(network, data, ids), device)
    seconds = perf_counter() - started
    return score(frozen), seconds


def _looked_at(ids: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"], limit: int) -> Int[np.ndarray, " m"]:
    """A stratified part of about `limit` images, two of each class at least: one is left out at a time."""
    numbers, counts = np.unique(labels, return_counts=True)
    twice = np.isin(labels, numbers[counts > 1])
    ids, labels = ids[twice], labels[twice]
    if len(ids) <= limit:
        return ids
    part = nested_fraction(ids, labels, limit / len(ids), seed=0)
    small = [number for number in np.unique(labels) if (labels[np.isin(ids, part)] == number).sum() < 2]
    return np.unique(np.concatenate([part, *(ids[labels == number][:2] for number in small)]))


def _ranked(found: list[tuple[Pretrained, Scores, float]]) -> tuple[Scored, ...]:
    order = sorted(found, key=lambda item: (-item[1].ridge.accuracy.value, item[0].name))
    first = order[0][1].ridge.correct
    return tuple(
        Scored(
            name=model.name,
            kind=model.kind,
            scores=scores,
            tied=not compare_paired(first, scores.ridge.correct).separable,
            seconds=seconds,
            images=len(first),
        )
        for model, scores, seconds in order
    )
