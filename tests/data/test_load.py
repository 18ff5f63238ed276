import os
from pathlib import Path

import pytest
from pictures import folder_of

from anmok.data import load_data
from anmok.errors import DataError


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("photoz", r"^No folder, manifest or built-in data set is called 'photoz'\. Did you mean 'photos'\?$"),
        (
            "here/photoz",
            r"called 'here/photoz'\. Give a folder, a \.csv or \.parquet manifest, shards \(such as train-",
        ),
        ("hf:/owner/name", r"hub is hf://owner/name\. Did you mean 'hf://owner/name'\?$"),
        (
            "https://host/photos.zip",
            r"^A data set at an address is shards: 'https://host/photos\.zip' is no \.tar\. Name",
        ),
        ("photos.tar.gz", r"^A shard is a tar file that is not compressed: 'photos\.tar\.gz' is\. Unpack it to \.tar"),
        ("https://host/x.tgz?key=1", r"that is not compressed: 'https://host/x\.tgz\?key=1' is\."),
    ],
)
def test_what_cannot_be_a_data_set_gets_advice(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_of(tmp_path / "photos", {"cat": 2, "dog": 2})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        load_data(source)


def test_the_nearest_name_keeps_its_folder(tmp_path: Path) -> None:
    folder_of(tmp_path / "photos", {"cat": 2, "dog": 2})
    with pytest.raises(DataError, match=rf"Did you mean '{tmp_path}{os.sep}photos'\?$"):
        load_data(tmp_path / "photo")
