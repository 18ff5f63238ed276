import numpy as np
import pytest

import anmok.serving.check_images as checking
from anmok.errors import DataError, ExportError
from anmok.serving.check_images import images_of_folder, images_of_run
from random_classifiers import SIZE, noise


def test_a_run_gives_its_test_split(run):
    np.testing.assert_array_equal(images_of_run(run, SIZE), noise(30)[1::2])


def test_more_images_than_needed_are_thinned_out_evenly(run, photos, monkeypatch):
    monkeypatch.setattr(checking, "COUNT", 3)
    np.testing.assert_array_equal(images_of_run(run, SIZE), noise(30)[[1, 15, 29]])
    assert len(images_of_folder(photos, SIZE)) == 3


def test_a_folder_gives_its_readable_images(photos):
    (photos / "a" / "00.png").write_bytes(b"broken")
    images = images_of_folder(photos, SIZE)
    np.testing.assert_array_equal(images, noise(70)[[*range(2, 70, 2), *range(1, 70, 2)]])


def test_a_directory_that_is_no_run(tmp_path):
    message = r"^An export is checked on real images: '.*' keeps none of 32 x 32 pixels. Name a folder of images like"
    with pytest.raises(ExportError, match=message):
        images_of_run(tmp_path, SIZE)


def test_a_folder_of_broken_images(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"broken")
    with pytest.raises(DataError, match=r"^None of the 2 files can be read. The image '.*a.png' cannot be read: it is"):
        images_of_folder(tmp_path, SIZE)
