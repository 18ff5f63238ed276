"""The built-in data set: 5,000 images of Fashion-MNIST, without loss, in two sheets of 28 x 28 tiles.

Xiao et al. 2017, arXiv:1708.07747; MIT licence, Zalando SE. Chosen by `tools/make_fashion.py`: the first 400
images of each class of the training file and the first 100 of each class of the test file.
"""

from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from einops import rearrange
from jaxtyping import UInt8
from PIL import Image

from anmok.data.imagedata import Encoded, ImageData, list_samples

NAME = "fashion"
CLASSES = (
    *("Ankle boot", "Bag", "Coat", "Dress", "Pullover"),
    *("Sandal", "Shirt", "Sneaker", "T-shirt/top", "Trouser"),
)
PER_CLASS = {"train": 400, "test": 100}  # the tiles of one class follow one another
TILE = 28
COLUMNS = 50


def load_fashion() -> ImageData:
    """List the built-in images, as if they were files `fashion/train/00000` ... `fashion/test/00999`."""
    rows = [
        (f"{NAME}/{split}/{number:05}", CLASSES[number // per_class], split)
        for split, per_class in PER_CLASS.items()
        for number in range(per_class * len(CLASSES))
    ]
    paths, names, splits = zip(*rows, strict=True)
    classes, samples = list_samples(paths, names, splits=splits)
    return ImageData(name=NAME, classes=classes, samples=samples, encoded=_encode_tile)


def _encode_tile(id: int) -> Encoded:
    """Cut out one tile, as the file that it would be."""
    num_train = PER_CLASS["train"] * len(CLASSES)
    tile = _tiles("train")[id] if id < num_train else _tiles("test")[id - num_train]
    file = BytesIO()
    Image.fromarray(tile).save(file, "PNG")
    return file.getvalue()


@cache
def _tiles(split: str) -> UInt8[np.ndarray, "n h w"]:
    with (files("anmok.data") / "assets" / f"fashion_{split}.png").open("rb") as file:
        sheet = np.array(Image.open(file))
    return rearrange(sheet, "(rows h) (columns w) -> (rows columns) h w", h=TILE, w=TILE)
