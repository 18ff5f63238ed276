from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from anmok.data.mask_audit import audit_masks, mask_findings
from anmok.data.masks import load_masks
from anmok.data.splits import make_splits
from discs_and_bars import scene, write_scenes


def findings_of(root: Path) -> tuple[list[str], list[str], pl.DataFrame]:
    data = load_masks(root)
    health = audit_masks(data)
    splits = make_splits(data.images, health, seed=0)
    found = mask_findings(data, health, splits)
    return *([f.text for f in found if f.severity == severity] for severity in ("warning", "info")), splits


def test_clean_images_are_counted_and_their_classes_shared_out(tmp_path: Path) -> None:
    warnings, facts, splits = findings_of(write_scenes(tmp_path, 20))
    assert warnings == []
    areas = sum(np.bincount(scene(seed)[1].ravel(), minlength=3) for seed in range(20))
    shares = ", ".join(f"class {label} {share:.1%}" for label, share in enumerate(areas / areas.sum()))
    assert facts == [
        "20 images with masks of 3 classes, to be trained and tested on.",
        "Images are 64 px wide and 48 px high.",
        f"Of the pixels that have a class: {shares}; 0.0% of all are ignored.",
    ]
    assert sorted(splits["split"]) == ["select"] * 3 + ["test"] * 4 + ["train"] * 13


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "val", "test")):
        write_scenes(tmp_path / split, 6, seed=100 * seed)
    image, mask = scene(0)
    Image.fromarray(image).save(tmp_path / "test" / "images" / "again.png")  # of train/images/000.png,
    mask[:3, :3] = 3  # with another mask, which has a rare class
    Image.fromarray(mask).save(tmp_path / "test" / "masks" / "again.png")
    Image.fromarray(scene(55)[1]).save(tmp_path / "val" / "masks" / "alone.png")
    (tmp_path / "train" / "masks" / "002.png").write_text("x")
    (tmp_path / "train" / "images" / "003.png").write_text("x")
    warnings, _, splits = findings_of(tmp_path)
    assert warnings == [
        "2 of 19 files cannot be read and will be left out, first 'train/images/003.png': it is not an image of a "
        "known kind.",
        "1 picture appears in more than one given split: 1 copy will leave train or select, and test stays whole.",
        "1 image is an exact copy of another; copies will share a split.",
        "1 of the pictures that appear more than once have masks that differ, first 'test/images/again.png'.",
        "1 mask has no image and will be left out, first 'val/masks/alone.png'.",
        "The train split has no pixel of 'class 3'.",
        "The select split has no pixel of 'class 3'.",
        "Less than 0.1% of the pixels are 'class 3' (0.02%): class_balance 'loss' gives rare classes weight.",
    ]
    assert dict(splits["split"].value_counts().iter_rows()) == {"train": 3, "select": 6, "test": 7}
