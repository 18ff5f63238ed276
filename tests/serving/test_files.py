import numpy as np
import pytest

from anmok.data import prepare_file
from anmok.errors import DataError
from anmok.serving.files import find_images, prepare_files
from random_classifiers import SIZE


def test_files_stay_in_order_and_folders_are_sorted(photos):
    last = photos / "b" / "69.png"
    found = find_images([last, photos])
    assert found[0] == last
    assert found[1:] == sorted(found[1:])
    assert len(found) == 71  # neither the text nor the hidden file
    assert find_images(str(last)) == [last]


def test_a_named_file_is_taken_whatever_it_is_called(photos):
    assert find_images(photos / "notes.txt") == [photos / "notes.txt"]


def test_folders_behind_links_are_read(photos, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    (album / "linked").symlink_to(photos / "a")
    (album / "linked2").symlink_to(album)
    assert len(find_images(album)) == 35


def test_what_cannot_be_read_comes_as_its_error(photos):
    good, bad = photos / "a" / "00.png", photos / "notes.txt"
    image, error = prepare_files([good, bad], SIZE)
    np.testing.assert_array_equal(image, prepare_file(good, SIZE))
    assert isinstance(error, DataError)


def test_a_folder_without_images(tmp_path):
    with pytest.raises(DataError, match=r"^Images are needed: '.*' holds none. Give image files, or folders that"):
        find_images([tmp_path])


def test_nothing_at_all():
    with pytest.raises(DataError, match=r"^Images are needed: nothing was given. Give image files, or folders that"):
        find_images([])
