from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from anmok.data.mask_classes import Naming
from anmok.data.mask_files import IGNORED
from anmok.data.masks import load_masks
from anmok.errors import DataError
from discs_and_bars import scene, write_scenes


def test_masks_lie_beside_their_images_by_equal_names(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "yard", 4)
    Image.fromarray(scene(50)[0]).save(root / "images" / "sub.a.jpg")
    Image.fromarray(scene(50)[1]).save(root / "masks" / "sub.a.png")
    Image.fromarray(scene(51)[1]).save(root / "masks" / "stray.png")
    (root / "notes.txt").write_text("x")
    data = load_masks(root)
    assert data.images.name == "yard"
    assert data.images.samples["path"].to_list() == [f"images/{i:03}.png" for i in range(4)] + ["images/sub.a.jpg"]
    assert data.images.samples["mask"].to_list() == [f"masks/{i:03}.png" for i in range(4)] + ["masks/sub.a.png"]
    assert data.images.samples["split"].null_count() == 5
    assert (data.classes, data.naming.ids, data.strays) == (
        ("class 0", "class 1", "class 2"),
        (0, 1, 2),
        ("masks/stray.png",),
    )
    np.testing.assert_array_equal(data.mask(2), scene(2)[1])
    np.testing.assert_array_equal(data.images.read(2), scene(2)[0])
    np.testing.assert_array_equal(data.areas[1], np.bincount(scene(1)[1].ravel()))


def test_splits_are_folders_above_and_names_stand_in_a_file(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "Val", "test")):
        write_scenes(tmp_path / split, 2, seed=10 * seed)
    (tmp_path / "classes.txt").write_text("ground\ndisc\nbar\n\n")
    data = load_masks(tmp_path)
    assert sorted(data.images.samples["split"]) == ["select", "select", "test", "test", "train", "train"]
    assert data.classes == ("ground", "disc", "bar")
    row = data.images.samples.row(by_predicate=pl.col("path") == "Val/images/001.png", named=True)
    assert (row["mask"], row["split"]) == ("Val/masks/001.png", "select")
    np.testing.assert_array_equal(data.mask(row["id"]), scene(11)[1])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_lists_images_and_masks_wherever_they_are(tmp_path: Path, suffix: str) -> None:
    write_scenes(tmp_path / "all", 3)
    table = pl.DataFrame(
        {
            "image": [f"all/images/{i:03}.png" for i in range(3)],
            "mask": [f"all/masks/{i:03}.png" for i in range(3)],
            "split": ["train", "", "test"],
            "group": ["a", "a", None],
        }
    )
    path = tmp_path / f"list{suffix}"
    table.write_csv(path) if suffix == ".csv" else table.write_parquet(path)
    data = load_masks(path)
    assert data.images.samples["split"].to_list() == ["train", None, "test"]
    assert data.images.samples["group"].to_list() == ["a", "a", None]
    np.testing.assert_array_equal(data.mask(1), scene(1)[1])


def test_black_and_white_is_two_classes_and_else_white_is_ignored(tmp_path: Path) -> None:
    two = load_masks(write_scenes(tmp_path / "two", 2, ids=(0, 255, 255)))
    assert (two.classes, two.naming.ids) == (("class 0", "class 1"), (0, 255))
    np.testing.assert_array_equal(two.mask(0), scene(0)[1] > 0)
    three = load_masks(write_scenes(tmp_path / "three", 2, ids=(0, 1, 255)))
    assert (three.classes, three.naming.ids) == (("class 0", "class 1"), (0, 1))
    np.testing.assert_array_equal(three.mask(0), np.where(scene(0)[1] == 2, IGNORED, scene(0)[1]))


def test_what_is_called_void_is_ignored_and_the_others_keep_their_ids(tmp_path: Path) -> None:
    (write_scenes(tmp_path, 2) / "classes.txt").write_text("Void\ndisc\nbar")
    data = load_masks(tmp_path)
    assert data.naming == Naming(classes=("disc", "bar"), ids=(1, 2), void=(0,))
    mask = scene(0)[1]
    np.testing.assert_array_equal(data.mask(0), np.where(mask == 0, IGNORED, mask.astype(int) - 1))
    np.testing.assert_array_equal(data.areas[0], np.bincount(mask.ravel())[1:])


def test_an_unreadable_mask_is_listed_and_a_small_image_header_is_enough(tmp_path: Path) -> None:
    root = write_scenes(tmp_path, 3)
    (root / "masks" / "001.png").write_text("x")
    (root / "images" / "002.png").write_text("x")
    data = load_masks(root)
    (bad,) = data.scan.unreadable
    assert (bad.id, bad.path, bad.reason) == (1, "masks/001.png", "it is not an image of a known kind")
    assert not data.areas[1].any()


def test_a_turned_photograph_has_an_upright_mask(tmp_path: Path) -> None:
    root = write_scenes(tmp_path, 2)
    image, mask = scene(7)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(image)).save(root / "images" / "turned.jpg", exif=exif)
    Image.fromarray(mask).save(root / "masks" / "turned.png")
    data = load_masks(root)
    assert data.images.read(2).shape[:2] == data.mask(2).shape


def test_a_networks_classes_are_found_by_name_or_by_id(tmp_path: Path) -> None:
    known = Naming(classes=("disc", "bar"), ids=(1, 2), void=(0,))
    unnamed = load_masks(write_scenes(tmp_path / "unnamed", 2), known)
    assert unnamed.naming == known
    named = write_scenes(tmp_path / "named", 2)
    (named / "classes.txt").write_text("void\ndisc\nbar")
    assert load_masks(named, known).naming == known
    (named / "classes.txt").write_text("ground\ndisc\nbar")
    with pytest.raises(DataError) as error:
        load_masks(named, known)
    assert str(error.value) == (
        f"The classes are those of the network, disc, bar: '{named / 'classes.txt'}' names ground, disc, bar. "
        "Rename them, in the order of the network's ids."
    )


def test_a_network_of_two_classes_takes_them_as_white_or_as_one(tmp_path: Path) -> None:
    white, ones = (write_scenes(tmp_path / str(high), 2, ids=(0, high, high)) for high in (255, 1))
    for known in (Naming(classes=("a", "b"), ids=(0, 255)), Naming(classes=("a", "b"), ids=(0, 1))):
        for root in (white, ones):
            np.testing.assert_array_equal(load_masks(root, known).mask(0), scene(0)[1] > 0)


def error_of(source: Path) -> str:
    with pytest.raises(DataError) as error:
        load_masks(source)
    return str(error.value)


FORM = (
    "Put images into a folder images and a PNG of the same name for each into a folder masks beside it, alone or "
    "inside train, val and test, or list them in a .csv or .parquet manifest with the columns image and mask."
)


def test_a_missing_mask_is_an_error(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "val", 3).parent
    (root / "val" / "masks" / "001.png").unlink()
    assert error_of(root) == (
        f"Every image has a mask: 1 of 3 in '{root}' have none, the first is 'val/images/001.png'. "
        "Add 'val/masks/001.png', or delete the image."
    )


def test_what_is_no_set_of_images_with_masks_is_an_error(tmp_path: Path) -> None:
    assert error_of(tmp_path / "no") == (
        f"Images with masks are a folder or a manifest: '{tmp_path / 'no'}' is not there. {FORM}"
    )
    (tmp_path / "a.txt").write_text("x")
    assert "'a.txt' is another kind of file." in error_of(tmp_path / "a.txt").replace(f"{tmp_path}/", "")
    lacks = f"Segmentation needs images and their masks: '{tmp_path}' has no folder of"
    assert error_of(tmp_path) == f"{lacks} images. {FORM}"
    (tmp_path / "images").mkdir()
    Image.fromarray(scene(0)[0]).save(tmp_path / "images" / "a.png")
    assert error_of(tmp_path) == f"{lacks} masks. {FORM}"
    (tmp_path / "masks").mkdir()
    Image.fromarray(scene(0)[1]).save(tmp_path / "masks" / "a.jpg")
    assert error_of(tmp_path) == (
        f"A mask is a PNG, which keeps class ids as they are: '{tmp_path}' has others, such as 'masks/a.jpg'. "
        "Save them as grey or palette PNGs."
    )


def test_a_mask_of_another_size_is_an_error(tmp_path: Path) -> None:
    root = write_scenes(tmp_path, 2)
    Image.fromarray(scene(0, 40, 64)[1]).save(root / "masks" / "001.png")
    assert error_of(root) == (
        "A mask has the size of its image: 'masks/001.png' is 64 x 40 pixels and 'images/001.png', upright, 64 x 48. "
        "Save the mask anew."
    )


def test_a_mask_in_colours_is_an_error(tmp_path: Path) -> None:
    root = write_scenes(tmp_path, 2)
    Image.fromarray(scene(0)[0]).save(root / "masks" / "001.png")
    assert error_of(root).startswith("A mask has one channel, of class ids: 'masks/001.png' has colours (RGB).")


def test_no_readable_mask_is_an_error(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "yard", 2)
    for path in (root / "masks").iterdir():
        path.write_text("x")
    assert error_of(root) == (
        "None of the 2 masks of 'yard' can be read, first 'masks/000.png': it is not an image of a known kind. "
        "Replace the files."
    )


def test_ids_outside_the_classes_are_an_error(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "yard", 2)
    (root / "classes.txt").write_text("ground\ndisc")
    assert error_of(root) == (
        "Every id of a mask is that of a class, 0, 1, or 255, which is ignored: 'masks/000.png' has 2. "
        "Name that class in classes.txt too, or save the mask anew."
    )
    (root / "classes.txt").unlink()
    write_scenes(root, 2, ids=(0, 1, 7))
    assert error_of(root) == (
        "Class ids count from 0 without a gap: the masks of 'yard' have 0, 1, 7. "
        "Save them anew, or name all classes in classes.txt."
    )
    write_scenes(root, 2, ids=(0, 0, 0))
    assert error_of(root) == "Segmentation needs at least two classes: the masks of 'yard' have only 'class 0'."


def test_names_of_classes_are_lines_of_text(tmp_path: Path) -> None:
    names = write_scenes(tmp_path, 2) / "classes.txt"
    told = f"Every class has a name of its own, one a line: '{names}' "
    for text, fault in (("a\nb\na", "has 'a' twice"), ("a\n\nc", "has an empty line"), ("\n", "has an empty line")):
        names.write_text(text)
        assert error_of(tmp_path) == f"{told}{fault}. Mend the file."
    names.write_bytes(b"\xff\xfe\xfa")
    assert error_of(tmp_path) == f"'{names}' cannot be read as UTF-8 text. Write one class name a line."


def test_a_table_must_name_files_that_exist(tmp_path: Path) -> None:
    write_scenes(tmp_path, 1)
    path = tmp_path / "list.csv"
    path.write_text("image,mask\nimages/000.png,masks/no.png\n")
    assert error_of(path) == (
        f"Every file of a manifest must exist: 1 of 1 that '{path}' lists do not, the first is 'masks/no.png'. "
        "Give paths relative to the manifest."
    )
    path.write_text("image,mask\nimages/000.png,\n")
    assert error_of(path).startswith("Every row of a manifest needs a mask:")
    path.write_text("picture,mask\nimages/000.png,masks/000.png\n")
    assert error_of(path).startswith("A manifest needs the columns image and mask:")
