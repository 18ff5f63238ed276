"""Small images of discs and bars on a noisy ground, with their masks, written as a user has them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLOURS = np.array([(60, 60, 60), (200, 90, 70), (70, 110, 210)])


def scene(seed: int, height: int = 48, width: int = 64) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image (height, width, 3) of a red disc and a blue bar, and its mask: 0 ground, 1 disc, 2 bar."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    mask = np.zeros((height, width), dtype=np.uint8)
    left = random.integers(4, width - 12)
    mask[:, left : left + random.integers(5, 9)] = 2
    middle = random.uniform(0.3, 0.7, 2) * (height, width)
    mask[(rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < random.uniform(7, 12) ** 2] = 1
    tint = random.integers(-20, 20, 3)
    image = COLOURS[mask] + tint + random.normal(0, 12, (height, width, 3))
    return image.clip(0, 255).astype(np.uint8), mask


def write_scenes(root: Path, count: int, *, seed: int = 0, ids: tuple[int, ...] = (0, 1, 2)) -> Path:
    """Write `count` images and masks into images/ and masks/ below the root."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image, mask = scene(seed + number)
        Image.fromarray(image).save(root / "images" / f"{number:03}.png")
        Image.fromarray(np.array(ids, dtype=np.uint8)[mask]).save(root / "masks" / f"{number:03}.png")
    return root
