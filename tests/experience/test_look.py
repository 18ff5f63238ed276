from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anmok.data import load_data
from anmok.errors import DataError
from anmok.experience import fingerprint, look_at, similarity


def write(root: Path, n: int, *, side: int = 40) -> Path:
    random = np.random.default_rng(0)
    for i in range(n):
        folder = root / ("train" if i % 4 else "test") / "ab"[i % 3 == 0]
        folder.mkdir(parents=True, exist_ok=True)
        coarse = random.integers(0, 256, (5, 7, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((side + 8, side), Image.Resampling.BICUBIC).save(folder / f"{i:03}.png")
    return root


def test_images_in_a_folder_have_the_fingerprint_of_their_squares(tmp_path: Path) -> None:
    root = write(tmp_path / "photos", 60)
    (root / "train" / "a" / "broken.png").write_bytes(b"\x89PNG no more")
    told: list[tuple[int, int]] = []
    found = look_at(load_data(root), progress=lambda done, total: told.append((done, total)))
    assert (found.images, found.classes, found.side) == (46, 2, 40)
    assert told[-1] == (46, 46)
    squares, labels = [], []
    for label, name in enumerate("ab"):
        for file in sorted((root / "train" / name).glob("[0-9]*.png")):
            with Image.open(file) as image:
                square = image.resize((40, 40), Image.Resampling.BICUBIC, box=(4, 0, 44, 40))
            squares.append(np.asarray(square).transpose(2, 0, 1))
            labels.append(label)
    assert similarity(found, fingerprint(np.stack(squares), np.array(labels))) > 0.99


@pytest.mark.parametrize(("side", "seen"), [(20, 28), (33, 32), (300, 48)])
def test_the_side_is_what_a_selection_would_choose(side: int, seen: int, tmp_path: Path) -> None:
    assert look_at(load_data(write(tmp_path / "photos", 12, side=side))).side == seen


def test_images_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    root = write(tmp_path / "photos", 12)
    for file in root.rglob("*.png"):
        file.write_bytes(b"nothing")
    message = r"^A fingerprint needs two images that can be read: 'photos' has 0\.$"
    with pytest.raises(DataError, match=message):
        look_at(load_data(root))
