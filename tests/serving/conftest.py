"""What a run leaves behind, and photos to answer."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from anmok.training.classifier import save_classifier
from random_classifiers import SIZE, noise, random_classifier


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The trained classifier, splits and decoded images; every second image is a test image."""
    root = tmp_path / "run"
    save_classifier(random_classifier(), root / "best", {"data": "pets", "test_accuracy": 0.875})
    splits = pl.DataFrame({"id": range(30), "split": ["train", "test"] * 15})
    columns = {"path": pl.lit("x.png"), "label": pl.lit(0), "group": pl.lit(None, dtype=pl.String)}
    splits.with_columns(**columns).write_parquet(root / "splits.parquet")
    (root / "cache").mkdir()
    np.save(root / "cache" / f"pixels-{SIZE}.npy", noise(30))
    return root


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Seventy images in two folders, a file that is not one, and a hidden one."""
    folder = tmp_path / "photos"
    for i, pixels in enumerate(noise(70)):
        file = folder / "ab"[i % 2] / f"{i:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.transpose(1, 2, 0)).save(file)
    (folder / "notes.txt").write_text("not an image")
    (folder / ".hidden.png").write_bytes(b"")
    return folder
