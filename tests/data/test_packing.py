import json
import resource
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import folder_of, picture
from polars.testing import assert_frame_equal

from anmok.data import ImageData, load_data, pack
from anmok.data.imagedata import list_samples
from anmok.data.shards import load_shards
from anmok.errors import DataError, RunDirectoryError

SIZE = 40_000

KILLED = """
import os, signal, sys
from pathlib import Path
from anmok.data import load_data, packing
members, seen = packing._members, []
def die(*facts):
    seen.append(facts)
    if len(seen) == 25:
        os.kill(os.getpid(), signal.SIGKILL)
    return members(*facts)
packing._members = die
packing.pack(load_data(sys.argv[1]), Path(sys.argv[2]), size=40_000)
"""


@pytest.fixture
def pets(tmp_path: Path) -> ImageData:
    """20 training and 8 test images in three kinds of file, with groups."""
    root = folder_of(tmp_path / "pets", {"train/Hund ß": 10, "train/cat": 8, "test/Hund ß": 4, "test/cat": 4})
    for name in ("a.JPG", "b.jpeg"):
        picture(99, 64, 48).save(root / "train" / "cat" / name, "JPEG")
    data = load_data(root)
    rows = [
        {"path": f"pets/{path}", "label": data.classes[label], "split": split, "group": path[-5:] if label else None}
        for path, label, split in data.samples.select("path", "label", "split").iter_rows()
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "pets.csv")
    return load_data(tmp_path / "pets.csv")


def content(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir() if path.name[0] != "."}


def by_path(data: ImageData) -> pl.DataFrame:
    names = pl.Series("label", [data.classes[label] for label in data.samples["label"]])
    files = pl.Series("file", [data.bytes(id) for id in data.samples["id"]])
    return data.samples.select("path", names, "split", "group", files).sort("path")


def test_what_is_packed_comes_back_bit_for_bit(pets: ImageData, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    packed = pack(pets, tmp_path / "shards", size=SIZE, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (28, 28)
    again = load_data(tmp_path / "shards")
    assert again.classes == pets.classes == ("Hund ß", "cat")
    assert_frame_equal(by_path(again), by_path(pets))
    tars = sorted((tmp_path / "shards").glob("*.tar"))
    assert packed.shards == len(tars) > 3
    assert packed.images == 28
    assert packed.bytes == sum(tar.stat().st_size for tar in tars)
    assert all(tar.stat().st_size <= SIZE for tar in tars)
    assert {tar.name.partition("-")[0] for tar in tars} == {"train", "test"}


@pytest.mark.usefixtures("cache")
def test_other_programs_find_what_webdataset_prescribes_and_the_index_is_not_needed(
    pets: ImageData, tmp_path: Path
) -> None:
    pack(pets, tmp_path / "shards", size=SIZE)
    for index in (tmp_path / "shards").glob("*.parquet"):
        index.unlink()
    assert_frame_equal(by_path(load_data(tmp_path / "shards")), by_path(pets))
    with tarfile.open(tmp_path / "shards" / "train-0000.tar") as tar:
        names = tar.getnames()
        key = names[0].partition(".")[0]
        assert [name.partition(".")[2] for name in names[:3]] == [names[0].partition(".")[2], "cls", "json"]
        id = int(key)
        assert tar.extractfile(names[0]).read() == pets.bytes(id)
        assert int(tar.extractfile(f"{key}.cls").read()) == pets.samples["label"][id]
        told = json.load(tar.extractfile(f"{key}.json"))
        assert told["path"] == pets.path(id)


def test_two_packs_are_the_same_bytes_and_a_third_changes_nothing(pets: ImageData, tmp_path: Path) -> None:
    for name in ("a", "b"):
        pack(pets, tmp_path / name, size=SIZE)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").glob("*.*")}
    assert pack(pets, tmp_path / "a", size=SIZE).images == 28
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_classes_are_mixed_in_a_shard_unless_they_come_mixed(tmp_path: Path) -> None:
    names = ["a"] * 50 + ["b"] * 50
    for order in (names, names[::2] + names[1::2]):
        classes, samples = list_samples([f"{i}.png" for i in range(100)], order)
        data = ImageData(name="x", classes=classes, samples=samples, encoded=lambda id: b"\x89PNG%d" % id)
        root = tmp_path / f"{order[25:50].count('b')}"
        pack(data, root, size=10**6)
        packed = load_data(root).samples
        mixed = order is not names
        assert (packed["path"].to_list() == samples["path"].to_list()) == mixed
        assert 10 < packed["label"][:50].sum() < 40


def test_a_killed_pack_is_finished_by_the_same_command(pets: ImageData, tmp_path: Path) -> None:
    root = tmp_path / "shards"
    command = [sys.executable, "-c", KILLED, str(tmp_path / "pets.csv"), str(root)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    finished = {path.name: path.stat().st_mtime_ns for path in root.glob("*.tar")}
    assert finished
    with pytest.raises(DataError, match=r"must be whole: '.*' has \d+ of 28 images\. Run `anmok pack` again"):
        load_data(root)
    pack(pets, root, size=SIZE)
    assert {name: (root / name).stat().st_mtime_ns for name in finished} == finished
    pack(pets, tmp_path / "undisturbed", size=SIZE)
    assert content(root) == content(tmp_path / "undisturbed")
    assert not list(root.glob(".*.part"))


def test_a_full_disk_is_one_sentence_and_leaves_no_half_shard(pets: ImageData, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        with pytest.raises(DataError, match=r"^The shards in '.*' cannot be written: File too large\. Mend that, for"):
            pack(pets, tmp_path / "shards", size=SIZE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert content(tmp_path / "shards") == {}
    assert pack(pets, tmp_path / "shards", size=SIZE).images == 28


def test_other_shards_in_the_folder_are_an_error(pets: ImageData, tmp_path: Path) -> None:
    pack(pets, tmp_path / "shards", size=SIZE)
    with pytest.raises(DataError, match=r"cannot share a folder: '.*' has 'test-0000\.tar' from elsewhere\. Give"):
        pack(pets, tmp_path / "shards", size=SIZE + 1)


def test_two_packs_at_once_are_an_error(pets: ImageData, tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    with (
        FileLock(tmp_path / "shards" / ".lock"),
        pytest.raises(
            RunDirectoryError, match=r"^One process packs at a time: another is writing into '.*'\. Wait for it\.$"
        ),
    ):
        pack(pets, tmp_path / "shards", size=SIZE)


def test_an_image_that_cannot_be_read_is_named(pets: ImageData, tmp_path: Path) -> None:
    (tmp_path / "pets" / "train" / "cat" / "a.JPG").unlink()
    with pytest.raises(DataError, match=r"^The image 'pets/train/cat/a\.JPG' cannot be read: no such file"):
        pack(pets, tmp_path / "shards", size=SIZE)


@settings(max_examples=20)
@given(
    images=st.lists(st.tuples(st.binary(max_size=3000), st.sampled_from("abc")), min_size=6, max_size=30),
    size=st.integers(1, 30_000),
)
def test_any_files_come_back_from_shards_of_any_size(images, size, tmp_path_factory) -> None:
    names = [label for _, label in images]
    classes, samples = list_samples([str(i) for i in range(len(names))], names)
    data = ImageData(name="x", classes=classes, samples=samples, encoded=lambda id: images[id][0])
    root = tmp_path_factory.mktemp("any")
    pack(data, root, size=size)
    again = load_shards(sorted(map(str, root.glob("*.tar"))), name="x", whole=True)
    assert len(again.samples) == len(images)
    for id, path, label in again.samples.select("id", "path", "label").iter_rows():
        assert again.classes[label] == names[int(path)]
        if images[int(path)][0]:
            assert again.bytes(id) == images[int(path)][0]
        else:
            with pytest.raises(OSError, match=r"^it is empty$"):
                again.bytes(id)
