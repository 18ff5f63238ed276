"""Make the sheets of the built-in data set from the public files of Fashion-MNIST.

python tools/make_fashion.py FOLDER, where FOLDER holds the four `*-ubyte.gz` files of
https://github.com/zalandoresearch/fashion-mnist (also Debian's package `dataset-fashion-mnist`).
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from einops import rearrange
from numpy.typing import NDArray
from PIL import Image

from anmok.data.fashion import CLASSES, COLUMNS, PER_CLASS, TILE

PUBLISHED_ORDER = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
FILES = {"train": "train", "test": "t10k"}
ASSETS = Path(__file__).parents[1] / "src" / "anmok" / "data" / "assets"


def main() -> None:
    """Write one sheet per split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for split, per_class in PER_CLASS.items():
        path = ASSETS / f"fashion_{split}.png"
        Image.fromarray(sheet(folder, FILES[split], per_class)).save(path, optimize=True)


def sheet(folder: Path, stem: str, per_class: int) -> NDArray[np.uint8]:
    """Lay the first images of each class, class after class, out in rows of tiles."""
    images = read_idx(folder / f"{stem}-images-idx3-ubyte.gz", header=16).reshape(-1, TILE, TILE)
    labels = read_idx(folder / f"{stem}-labels-idx1-ubyte.gz", header=8)
    published = [PUBLISHED_ORDER.index(name) for name in CLASSES]
    chosen = np.concatenate([np.flatnonzero(labels == label)[:per_class] for label in published])
    return rearrange(images[chosen], "(rows columns) h w -> (rows h) (columns w)", columns=COLUMNS)


def read_idx(path: Path, *, header: int) -> NDArray[np.uint8]:
    """Read the bytes after the header of an IDX file."""
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


if __name__ == "__main__":
    main()
