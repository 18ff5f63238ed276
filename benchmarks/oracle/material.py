"""The images of a recording: capped, cut into splits without a duplicate across them, decoded to small squares."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anmok.data import Augmentation, channel_statistics, load_data
from anmok.data.atomic import written_whole
from anmok.data.pixels import prepare_image
from anmok.training.classifier import ClassifierConfig

SIDE = 32  # pixels
SELECT, TEST = 400, 1200  # images at most; a smaller test folder is topped up from what is left of the train folder
SPARE = 1.25  # times as many images are decoded as are wanted, to replace duplicates

_NAMES = ("train", "select", "test")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set as `sets.toml` describes it, and where its images lie."""

    name: str
    folder: Path
    character: str
    train: int
    augmentation: Augmentation
    licence: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Images:
    """The decoded images; `splits` holds 0, 1, 2 for train, select and test."""

    pixels: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    classes: tuple[str, ...]

    def rows(self, split: str) -> np.ndarray:
        """Rows of one split."""
        return np.flatnonzero(self.splits == _NAMES.index(split)).astype(np.int32)

    def config(self, model: str) -> ClassifierConfig:
        """The classifier for these images."""
        mean, std = channel_statistics(self.pixels, self.rows("train"))
        return ClassifierConfig(model=model, classes=self.classes, image_size=SIDE, mean=mean, std=std)


def read_sources(pairs: Sequence[str]) -> list[Source]:
    """`name=folder` each, in the order of `sets.toml`."""
    known: Mapping[str, dict[str, object]] = tomllib.loads(Path(__file__).with_name("sets.toml").read_text())
    folders = dict(pair.split("=", 1) for pair in pairs)
    if unknown := folders.keys() - known.keys():
        raise SystemExit(
            f"sets.toml describes {', '.join(known)}: got {', '.join(sorted(unknown))}. Describe it there."
        )
    return [
        Source(name=name, folder=Path(folders[name]), **entry)  # type: ignore[arg-type]
        for name, entry in known.items()
        if name in folders
    ]


def open_images(source: Source, work: Path) -> Images:
    """Read the decoded images of an earlier call, or make them."""
    path = work / "images" / f"{source.name}.npz"
    if not path.exists():
        images = _make(source)
        with written_whole(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **(vars(images) | {"classes": np.array(images.classes)}))
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return Images(**(arrays | {"classes": tuple(arrays["classes"].tolist())}))


def _make(source: Source) -> Images:
    data = load_data(source.folder)
    random = np.random.default_rng(0)
    labels = data.samples["label"].to_numpy()
    given_test = (data.samples["split"] == "test").fill_null(value=False).to_numpy()
    train = _spread(random.permutation(np.flatnonzero(~given_test)), labels)
    test = _spread(random.permutation(np.flatnonzero(given_test)), labels)[: int(SPARE * TEST)]
    wanted = source.train + SELECT
    chosen = np.concatenate([test, train[: int(SPARE * wanted) + max(0, TEST - len(test))]])
    pixels = np.stack([prepare_image(data, SIDE, int(id)) for id in chosen])
    _, first = np.unique(pixels.reshape(len(pixels), -1), axis=0, return_index=True)
    first = np.sort(first)
    tested = np.flatnonzero(first < len(test))[:TEST]
    rest = np.flatnonzero(first >= len(test))
    order = [rest[: source.train], rest[source.train : wanted]]
    more = rest[wanted : wanted + max(0, TEST - len(tested))]
    order.append(np.concatenate([tested, more]))
    kept = first[np.concatenate(order)]
    return Images(
        pixels=pixels[kept],
        labels=labels[chosen[kept]].astype(np.int32),
        splits=np.repeat(np.arange(3, dtype=np.int8), [len(part) for part in order]),
        classes=data.classes,
    )


def _spread(ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The ids so ordered that each stretch has of every class its share: a stretch is a stratified sample."""
    place = np.empty(len(ids))
    for label in np.unique(labels[ids]):
        (members,) = np.nonzero(labels[ids] == label)
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return ids[np.argsort(place, kind="stable")]
