from pathlib import Path

import fsspec
import pytest
from pictures import folder_of
from test_tars import png, tar_of

from anmok.data import ImageData, load_data, pack, remote
from anmok.data.shards import expand, shards_name
from anmok.errors import DataError
from small_hub import Hub

SIZE = 31_000


@pytest.fixture
def photos(tmp_path: Path) -> ImageData:
    return load_data(folder_of(tmp_path / "photos", {"train/cat": 8, "train/dog": 8, "test/cat": 3, "test/dog": 3}))


@pytest.fixture
def shards(photos: ImageData, tmp_path: Path, cache: Path) -> Path:
    pack(photos, tmp_path / "shards", size=SIZE)
    return tmp_path / "shards"


def same(found: ImageData, photos: ImageData) -> bool:
    files = {photos.path(id): photos.bytes(id) for id in photos.samples["id"]}
    return files == {found.path(id): found.bytes(id) for id in found.samples["id"]}


def all_of(shards: Path) -> str:
    """A pattern with two pairs of braces."""
    test, train = ([path.stem[-4:] for path in sorted(shards.glob(f"{split}-*.tar"))] for split in ("test", "train"))
    return f"{{train-{{{train[0]}..{train[-1]}}},test-{{{','.join(test)}}}}}.tar"


def served(hub: Hub, shards: Path, *, with_index: bool) -> str:
    """Put the shards on a web server; the pattern that names them."""
    tars = sorted(shards.glob("train-*.tar"))
    for file in [*tars, *shards.glob("train-*.parquet")] if with_index else tars:
        hub.files[f"sets/{file.name}"] = file.read_bytes()
    return f"{hub.address}/sets/train-{{0000..{len(tars) - 1:04}}}.tar"


def test_a_folder_a_pattern_and_one_file_are_named_alike(shards: Path, photos: ImageData) -> None:
    assert same(load_data(shards), photos)
    assert same(load_data(f"{shards}/{all_of(shards)}"), photos)
    last = len(list(shards.glob("train-*.tar"))) - 1
    train = load_data(f"{shards}/train-{{0000..{last:04}}}.tar")
    assert train.name == "train"
    assert set(train.samples["split"]) == {"train"}
    assert len(train.samples) == 16
    test = load_data(shards / "test-0000.tar")
    assert (test.name, set(test.samples["split"])) == ("test-0000", {"test"})


def test_shards_of_others_are_scanned_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "val"):
        members = {f"{i}.{e}": c for i in range(4) for e, c in (("png", png(i)), ("cls", b"%d" % (i % 2)))}
        tar_of(tmp_path / "wds" / split / "0.tar", members)
    data = load_data(tmp_path / "wds")
    assert data.classes == ("0", "1")
    assert data.samples["split"].to_list() == ["train"] * 4 + ["select"] * 4
    assert data.path(0) == "train/0.tar/0.png"
    assert data.bytes(6) == png(2)
    monkeypatch.setattr("anmok.data.shards.scan", None)
    assert load_data(tmp_path / "wds").samples.equals(data.samples)


def test_images_beside_a_forgotten_tar_file_are_still_a_folder(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cat": 2, "dog": 2})
    tar_of(tmp_path / "photos.tar", {"1.jpg": b""})
    assert load_data(tmp_path).samples.height == 4


def test_parts_of_remote_shards_are_read_where_there_is_an_index(hub: Hub, shards: Path, photos: ImageData) -> None:
    data = load_data(served(hub, shards, with_index=True))
    assert all(name.endswith(".parquet") for name in hub.sent)
    train = photos.samples.filter(split="train")
    assert {data.path(id): data.bytes(id) for id in range(16)} == {
        photos.path(id): photos.bytes(id) for id in train["id"]
    }
    hub.breaks_next = 2
    remote_pauses, remote.PAUSES = remote.PAUSES, (0.0, 0.0, 0.0)
    try:
        assert data.bytes(3) == photos.bytes(photos.samples["path"].index_of(data.path(3)))
        hub.broken = True
        with pytest.raises(DataError, match=r"^'http://.*' cannot be read: .*\. Check the address and the network\.$"):
            data.bytes(3)
    finally:
        remote.PAUSES = remote_pauses


@pytest.mark.parametrize("reason", ["no index", "no parts"])
def test_other_remote_shards_are_fetched_once(reason: str, hub: Hub, shards: Path, photos: ImageData) -> None:
    hub.in_parts = reason != "no parts"
    pattern = served(hub, shards, with_index=reason == "no parts")
    told: list[tuple[int, int]] = []
    data = load_data(pattern, progress=lambda done, total: told.append((done, total)))
    fetched = list(hub.sent)
    assert told[-1][0] == told[-1][1] == len(fetched)
    assert set(load_data(pattern).samples["path"]) == set(photos.samples.filter(split="train")["path"])
    assert hub.sent == fetched
    assert data.bytes(0) == photos.bytes(photos.samples["path"].index_of(data.path(0)))


@pytest.mark.usefixtures("cache")
def test_every_store_that_fsspec_knows_is_read(shards: Path, photos: ImageData) -> None:
    store = fsspec.filesystem("memory")
    for file in shards.glob("*.*"):
        store.pipe(f"/sets/{file.name}", file.read_bytes())
    assert same(load_data(f"memory://sets/{all_of(shards)}"), photos)
    with pytest.raises(
        DataError, match=r"^There is no shard 'memory://sets/train-9\.tar' that you may read\. Check the address\.$"
    ):
        load_data("memory://sets/train-9.tar")
    with pytest.raises(DataError, match=r"^Addresses of the kind of 'nfs9://x/a\.tar' cannot be read here: .*nfs9"):
        load_data("nfs9://x/a.tar")


def test_a_download_that_is_cut_off_is_an_error_and_not_kept(hub: Hub, shards: Path) -> None:
    pattern = served(hub, shards, with_index=False)
    hub.cut_at = 5000
    with pytest.raises(DataError, match=r"'http://.*' came cut off: 5,000 of .* bytes\. Run this again\.$"):
        load_data(pattern)
    hub.cut_at = None
    assert len(load_data(pattern).samples) == 16


def test_what_is_not_there_is_said(hub: Hub, shards: Path, cache: Path) -> None:
    with pytest.raises(
        DataError, match=r"^There is no shard 'http://.*/x-0\.tar' that you may read\. Check the address\.$"
    ):
        load_data(f"{hub.address}/sets/x-0.tar")
    with pytest.raises(DataError, match=r"^There is no shard '.*/train-0099\.tar'\. Check the path\.$"):
        load_data(f"{shards}/train-0099.tar")
    hub.broken = True
    with pytest.raises(DataError, match=r"^'http://.*' cannot be read: .*\. Check the address and the network\.$"):
        load_data(f"{hub.address}/sets/x-0.tar")
    with pytest.raises(DataError, match=r"^'http://127\.0\.0\.1:9/x\.tar' cannot be read: .*refused\. Check the addr"):
        load_data("http://127.0.0.1:9/x.tar")


def test_a_shard_that_is_shorter_than_its_index_says_is_an_error(shards: Path, hub: Hub) -> None:
    data = load_data(shards)
    for tar in shards.glob("*.tar"):
        with tar.open("r+b") as file:
            file.truncate(600)
    with pytest.raises(DataError, match=r"The shard '.*' is cut off: it has 600 bytes, its index counts more\. Fetch"):
        load_data(shards)
    with pytest.raises(DataError, match=r"^The shard '.*' is cut off\. Fetch or write it again\.$"):
        data.bytes(0)
    with pytest.raises(DataError, match=r"The shard 'http.*' is cut off: it has 600 bytes"):
        load_data(served(hub, shards, with_index=True))
    for tar in shards.glob("*.tar"):
        tar.unlink()
    with pytest.raises(
        DataError, match=r"^The shard '.*' cannot be read: No such file or directory\. Check the path\.$"
    ):
        data.bytes(0)


def test_a_damaged_index_is_an_error(shards: Path) -> None:
    next(shards.glob("*.parquet")).write_bytes(b"x")
    with pytest.raises(
        DataError, match=r"^The index '.*\.index\.parquet' cannot be read: .*\. Delete it to do without"
    ):
        load_data(shards)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("{a,b}-{0..1}.tar", ["a-0.tar", "a-1.tar", "b-0.tar", "b-1.tar"]),
        ("{a-{1..2},c}.tar", ["a-1.tar", "c.tar", "a-2.tar"]),
    ],
)
def test_braces_name_shards(pattern: str, names: list[str]) -> None:
    assert expand(pattern) == names


def test_braces_that_make_no_sense_are_errors() -> None:
    with pytest.raises(
        DataError, match=r"A brace of 'a-\{0\.\.1\.tar' has no partner\. Write for instance train-\{0000"
    ):
        expand("a-{0..1.tar")
    with pytest.raises(
        DataError, match=r"A range of shards rises: 'a-\{3\.\.1\}\.tar' has '3\.\.1'\. Write \{1\.\.3\}\."
    ):
        expand("a-{3..1}.tar")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("s/train-{0..3}.tar", "train"),
        ("https://h/photos/{0..3}.tar", "photos"),
        ("x.tar?key=1", "x"),
        ("{0..1}.tar", "shards"),
    ],
)
def test_shards_are_called_by_what_their_names_share(pattern: str, name: str) -> None:
    assert shards_name(pattern) == name
