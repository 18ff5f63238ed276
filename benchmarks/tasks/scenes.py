"""Images with known objects, drawn on the spot: discs, squares and triangles on cloth.

All is made of patches of the built-in Fashion-MNIST images, the objects in vivid colours, what lies behind them in
grey: that there is something can be seen early, but what it is the outline alone tells.
"""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from PIL import Image
from torch import Tensor

from anmok.data.fashion import load_fashion
from anmok.data.imagedata import Split

CLASSES = ("disc", "square", "triangle")
SIZES = (16, 40)  # widths of the objects, pixels
MOST = 3  # objects in an image; they do not overlap
_CORE = slice(7, 21)  # of a tile of 28 x 28 pixels: cloth, hardly ever what lies around it


class Scenes(NamedTuple):
    """Images, and what is in each."""

    images: Tensor  # (b, 3, side, side), from -1 to 1
    boxes: list[Tensor]  # of each image (n, 4): left, top, right, bottom, pixels
    labels: list[Tensor]  # (n,)


def draw_scenes(count: int, side: int, seed: int, split: Split = "train") -> Scenes:
    """Draw some square images; the cloth of 'test' is that of no image in 'train'."""
    random = np.random.default_rng(seed)
    cloths = _cloths(split)
    images, boxes, labels = [], [], []
    for _ in range(count):
        image = _dye(random, cloths, side, np.full(3, random.uniform(40, 215)))
        taken = np.zeros((side, side), bool)
        found = []
        for _ in range(random.integers(1, MOST + 1)):
            label = int(random.integers(len(CLASSES)))
            inside = _outline(random, label, side)
            if (inside & taken).any():
                continue
            vivid = random.permutation(random.uniform((0, 195, 0), (60, 255, 255)))
            image[inside] = _dye(random, cloths, side, vivid)[inside]
            taken |= inside
            found.append((label, *_box_around(inside)))
        images.append(image)
        labels.append(torch.tensor([row[0] for row in found]))
        boxes.append(torch.tensor([row[1:] for row in found], dtype=torch.float32))
    pixels = torch.from_numpy(np.stack(images)).float()
    return Scenes(rearrange(pixels, "b h w c -> b c h w") / 127.5 - 1, boxes, labels)


@cache
def _cloths(split: Split) -> list[np.ndarray]:
    data = load_fashion()
    ids: Iterable[int] = data.samples.filter(split=split)["id"][::10]
    return [data.decode(id).pixels[_CORE, _CORE, 0] for id in ids]


def _dye(random: np.random.Generator, cloths: list[np.ndarray], side: int, colour: np.ndarray) -> np.ndarray:
    """A piece of cloth in shades of a colour."""
    cloth = Image.fromarray(cloths[random.integers(len(cloths))]).resize((side, side), Image.Resampling.BILINEAR)
    shade = np.asarray(cloth)[:, :, None] / 255 - 0.5
    return (colour + 80 * shade).clip(0, 255).astype(np.uint8)


def _outline(random: np.random.Generator, label: int, side: int) -> np.ndarray:
    """The pixels of an object somewhere within the image, turned by any angle."""
    radius = random.uniform(*SIZES) / 2
    across, down = random.uniform(radius, side - radius, 2)
    y, x = np.mgrid[:side, :side] + 0.5
    x, y = x - across, y - down
    if label == 0:
        return x**2 + y**2 < radius**2
    corners = 2 + 2 // label  # 4 of a square, 3 of a triangle, all on the circle
    angles = random.uniform(0, 2 * np.pi) + np.arange(corners) * 2 * np.pi / corners
    reach = radius * np.cos(np.pi / corners)  # from the middle to the sides
    return np.all([x * np.cos(angle) + y * np.sin(angle) < reach for angle in angles], axis=0)


def _box_around(inside: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
