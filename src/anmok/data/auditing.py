"""Is this data fit to choose a backbone with? One pass over all images."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from anmok.data.duplicates import components, exact_groups, near_pairs, thumbnail
from anmok.data.findings import ODD_ASPECT, ODD_SIZE, Audit, Spread, Unreadable
from anmok.data.imagedata import SPLITS, ImageData
from anmok.data.splits import expected_select
from anmok.data.threads import Progress, map_in_threads
from anmok.errors import DataError

_AT_LEAST = 128  # pixels of the shorter side that duplicates are told apart by; see `decode.decode`


class _Facts(NamedTuple):
    """What one readable image contributes."""

    id: int
    digest: bytes
    thumbnail: Float32[np.ndarray, " d"]
    height: int
    width: int
    grey: bool


def audit(data: ImageData, *, progress: Progress | None = None) -> Audit:
    """Decode every image once and compare all with one another; unreadable ones are listed.

    Raises
    ------
    DataError
        No image at all, or fewer than two of a class, can be read.

    """
    ids = list(range(len(data.samples)))
    seen = list(map_in_threads(partial(_inspect, data), ids, progress=progress))
    facts = [fact for fact in seen if isinstance(fact, _Facts)]
    unreadable = [fact for fact in seen if isinstance(fact, Unreadable)]
    labels, splits = data.samples["label"].to_list(), data.samples["split"].to_list()
    class_counts = _class_counts(data, [labels[fact.id] for fact in facts], unreadable)
    exact = exact_groups([fact.id for fact in facts], [fact.digest for fact in facts])
    near = _near_groups(facts, exact, labels)
    groups = components([*exact, *near])
    leaks, leaked = _leaks(groups, splits)
    heights, widths = np.array([(fact.height, fact.width) for fact in facts]).T
    short, long = np.minimum(heights, widths), np.maximum(heights, widths)
    relative = short / np.median(short)
    readable = np.array([fact.id for fact in facts])
    return Audit(
        num_images=len(ids),
        class_counts=class_counts,
        distinct_counts=_distinct_counts(data, class_counts, groups, labels),
        unreadable=unreadable,
        strays=list(data.strays),
        exact_duplicates=exact,
        near_duplicates=near,
        label_conflicts=[group for group in exact if len({labels[id] for id in group}) > 1],
        leaks=leaks,
        leaked=leaked,
        height=_spread(heights),
        width=_spread(widths),
        short_side=_spread(short),
        odd_sizes=readable[(relative > ODD_SIZE) | (relative < 1 / ODD_SIZE)].tolist(),
        odd_aspects=readable[long > ODD_ASPECT * short].tolist(),
        grey_share=sum(fact.grey for fact in facts) / len(facts),
        num_select=expected_select([splits[id] for id in set(readable.tolist()).difference(leaked)]),
    )


def _inspect(data: ImageData, id: int) -> _Facts | Unreadable:
    try:
        pixels, height, width = data.decode(id, at_least=_AT_LEAST)
    except OSError as error:
        return Unreadable(id, data.path(id), str(error))
    digest = blake2b(pixels.tobytes(), digest_size=16, key=f"{height}x{width}".encode()).digest()
    grey = bool((pixels == pixels[:, :, :1]).all())
    return _Facts(id, digest, thumbnail(pixels), height, width, grey)


def _class_counts(data: ImageData, labels: list[int], unreadable: list[Unreadable]) -> dict[str, int]:
    if not labels:
        raise DataError(
            f"A choice needs images that can be read: none of the {len(unreadable):,} of '{data.name}' can, "
            f"first '{unreadable[0].path}': {unreadable[0].reason}. Replace the files."
        )
    counted = Counter(labels)
    counts = {name: counted[label] for label, name in enumerate(data.classes)}
    short = [name for name, count in counts.items() if count < 2]
    if short:
        lost = next(bad for bad in unreadable if data.classes[data.samples["label"][bad.id]] == short[0])
        raise DataError(
            f"Each class needs at least 2 images that can be read: '{short[0]}' has {counts[short[0]]}; "
            f"'{lost.path}' cannot be read: {lost.reason}. Replace the files or remove the class."
        )
    return counts


def _near_groups(facts: Sequence[_Facts], exact: list[list[int]], labels: list[int]) -> list[list[int]]:
    """Group the near duplicates, each with its exact copies."""
    copies = {id for group in exact for id in group[1:]}
    single = [fact for fact in facts if fact.id not in copies]
    ids = np.array([fact.id for fact in single])
    thumbnails = np.stack([fact.thumbnail for fact in single])
    pairs = ids[near_pairs(thumbnails, np.array(labels)[ids])].tolist()
    paired = {id for pair in pairs for id in pair}
    return [group for group in components([*pairs, *exact]) if not paired.isdisjoint(group)]


def _distinct_counts(
    data: ImageData, class_counts: dict[str, int], groups: list[list[int]], labels: list[int]
) -> dict[str, int]:
    counts = Counter(class_counts)
    for group in groups:
        for label, copies in Counter(labels[id] for id in group).items():
            counts[data.classes[label]] -= copies - 1
    return dict(counts)


def _leaks(groups: list[list[int]], splits: list[str | None]) -> tuple[list[list[int]], list[int]]:
    """Find the groups that lie in two given splits, and the members that have to leave.

    The test split stays whole; the training split gives way first.
    """
    leaks = []
    leaked: set[int] = set()
    for group in groups:
        given = [split for split in SPLITS if any(splits[id] == split for id in group)]
        if len(given) > 1:
            leaks.append(group)
            leaked.update(id for id in group if splits[id] in given[:-1])
    return leaks, sorted(leaked)


def _spread(numbers: np.ndarray) -> Spread:
    return Spread(int(numbers.min()), int(np.median(numbers)), int(numbers.max()))
