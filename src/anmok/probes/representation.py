"""How alike are a network's blocks, how many dimensions has its embedding, where do the classes become linear?

Similarity: HSIC averaged over minibatches before the ratio (Nguyen et al. 2021, arXiv:2010.15327, eq. 4). Between
distant blocks it is high for ViTs and low for CNNs (Raghu et al. 2021, arXiv:2108.08810, fig. 1). What is compared
is the whole output of a block; the classes are read from its mean over places. See `similarity` and `linear_probe`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from anmok.capture import untouched
from anmok.evaluation.metrics import Proportion, accuracy
from anmok.probes.block_features import BlockFeatures, block_features
from anmok.probes.informative import uninformative
from anmok.probes.intervals import bootstrap, jackknife
from anmok.probes.linear_probe import first_near_best, left_out
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.similarity import LEAST, alignment, dependence, effective_rank
from anmok.probes.subject import Subject

_IMAGES = 256
_BATCH = 16
_GROUPS = 16  # of images, for the interval of the rank
_SHARE = 0.95  # of the best block's accuracy

SIMILARITY = Metric(
    "distant similarity",
    f"unbiased linear CKA, batches of {_BATCH}, mean over blocks more than a third of the depth apart, {_IMAGES} "
    "images at most, version 1",
    "CKA",
)
RANK = Metric(
    "effective rank",
    "exp of the entropy of the centred singular values of what the linear head takes, or else of the last block's "
    f"mean over places, {_IMAGES} images at most, version 1",
    "dimensions",
)
DEPTH = Metric(
    "depth of the classes",
    f"relative depth of the first block with {_SHARE} of the best block's accuracy, leave-one-out ridge on means over "
    f"places, {_IMAGES} images at most, version 1",
    "share",
)
METRICS = (SIMILARITY, RANK, DEPTH)


@dataclass(frozen=True, kw_only=True)
class SimilarityMap(ProbeResult):
    """The mean over distant blocks, jackknife over batches; `n` counts images."""

    blocks: tuple[str, ...]
    map: Float[np.ndarray, "blocks blocks"]  # nan where a block's features are the same for all images


@dataclass(frozen=True, kw_only=True)
class LinearProbe(ProbeResult):
    """The relative depth, in (0, 1], bootstrap over images."""

    accuracies: dict[str, Proportion]  # of the blocks, in their order
    chance: float  # of always naming the most frequent class


def representation(subject: Subject) -> tuple[ProbeResult, ProbeResult, ProbeResult]:
    """Similarity, rank and depth, from one pass over the images."""
    count = min(_IMAGES, len(subject.pixels))
    if count < LEAST:
        note = f"it needs {LEAST} images or more, and there are {count}"
        return SIMILARITY.missing(note), RANK.missing(note), DEPTH.missing(note)
    with untouched(subject.network):
        features = block_features(subject, count, _BATCH)
    return _similarity(features), _rank(features), _depth(features, subject)


def distant_mean(map: Float[np.ndarray, "blocks blocks"]) -> float:
    """Over pairs of blocks more than a third of the depth apart; nan where there are none."""
    place = np.arange(len(map))
    values = map[place[None] - place[:, None] > len(map) / 3]
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def _similarity(features: BlockFeatures) -> ProbeResult:
    names = tuple(features.kernels)
    if len(names) < 2:
        return SIMILARITY.missing("it needs two blocks that put out a tensor with a row for each image")
    batches = dependence(np.stack(list(features.kernels.values()), axis=1))
    map = alignment(batches.sum(0))
    value = distant_mean(map)
    if np.isnan(value):
        return SIMILARITY.missing("no two distant blocks have finite features that differ between images")
    without = [distant_mean(alignment(batches.sum(0) - batch)) for batch in batches]
    count = len(batches) * features.kernels[names[0]].shape[1]
    low, high = jackknife(np.array(without), value)
    found = SIMILARITY.found(value, (low, None if high is None else min(1.0, high)), n=count)
    return SimilarityMap(**vars(found), blocks=names, map=map)


def _rank(features: BlockFeatures) -> ProbeResult:
    rows = features.embedding
    if rows is None or not np.isfinite(rows).all():
        return RANK.missing("neither a linear head nor a last block has finite features with a row for each image")
    value = effective_rank(rows)
    if np.isnan(value):
        return RANK.missing("all images have the same embedding")
    groups = np.array_split(np.arange(len(rows)), min(_GROUPS, len(rows)))
    without = np.array([effective_rank(np.delete(rows, group, 0)) for group in groups])
    return RANK.found(
        value, jackknife(without, value), n=len(rows), note=f"of {min(len(rows) - 1, rows.shape[1])} at most"
    )


def _depth(features: BlockFeatures, subject: Subject) -> ProbeResult:
    if subject.labels is None:
        return DEPTH.missing("it needs the classes of the images, and none were given")
    pooled = {name: rows for name, rows in features.pooled.items() if np.isfinite(rows).all()}
    if len(pooled) < 2:
        return DEPTH.missing("it needs two blocks whose features are finite and have a row for each image")
    labels = subject.labels[:_IMAGES].cpu()
    right = np.stack([left_out(rows, labels.numpy()) for rows in pooled.values()], axis=1)
    note = uninformative(right[:, right.mean(0).argmax()], labels)
    if note:
        return DEPTH.missing(f"by the best block, {note}")

    def depth(rows: Float[np.ndarray, "n blocks"]) -> float:
        return first_near_best(rows, _SHARE)

    answers = right.astype(float)
    found = DEPTH.found(depth(answers), bootstrap(answers, depth), n=len(answers))
    accuracies = {name: accuracy(column) for name, column in zip(pooled, right.T, strict=True)}
    return LinearProbe(**vars(found), accuracies=accuracies, chance=float(labels.bincount().max()) / len(labels))


PROBE = Probe(
    number=10,
    name="representation",
    question="How alike are its blocks, how many dimensions has its embedding, where do the classes become linear?",
    profile=Profile.STANDARD,
    metrics=METRICS,
    measure=representation,
)
