"""Pictures and folders of pictures that look like something: smooth random colours."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def picture(seed: int, width: int = 48, height: int = 40) -> Image.Image:
    """A picture of its own for each seed."""
    coarse = np.random.default_rng(seed).integers(20, 200, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def array(seed: int, width: int = 48, height: int = 40) -> NDArray[np.uint8]:
    return np.asarray(picture(seed, width, height))


def folder_of(root: Path, counts: dict[str, int], *, seed: int = 0) -> Path:
    """Write `counts[name]` different pictures into each folder `root/name`."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture(seed, 32, 32).save(root / name / f"{number:03}.png")
            seed += 1
    return root
