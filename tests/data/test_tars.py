import io
import os
import tarfile
from pathlib import Path

import pytest
from pictures import picture

from anmok.data.tars import scan
from anmok.errors import DataError


def png(seed: int) -> bytes:
    file = io.BytesIO()
    picture(seed, 16, 16).save(file, "PNG")
    return file.getvalue()


def tar_of(path: Path, members: dict[str, bytes], format: int = tarfile.GNU_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("beside", "label"),
    [
        ({"cls": b"7"}, "7"),
        ({"cls": b" cat\n"}, "cat"),
        ({"cls.txt": b"3"}, "3"),
        ({"txt": "Hündin".encode()}, "Hündin"),
        ({"json": b'{"label": "cat", "width": 3}', "cls": b"7"}, "cat"),
        ({"json": b'{"class": 4}'}, "4"),
        ({"json": b'"cat"'}, "cat"),
        ({"json": b'{"width": 3, "label": true}', "cls": b"7", "txt": b"a long caption"}, "7"),
        ({"JSON": b'{"class_name": "dog"}'}, "dog"),
    ],
)
def test_the_label_lies_beside_the_image(beside: dict[str, bytes], label: str, tmp_path: Path) -> None:
    members = {"a/000.jpg": png(0), **{f"a/000.{extension}": content for extension, content in beside.items()}}
    for order in (members, dict(reversed(members.items()))):
        (row,) = scan(tar_of(tmp_path / "x.tar", order), name="x.tar").rows(named=True)
        assert (row["path"], row["label"], row["split"], row["group"]) == ("x.tar/a/000.jpg", label, None, None)
        content = (tmp_path / "x.tar").read_bytes()
        assert content[row["offset"] :][: row["length"]] == png(0)


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_dialect_is_read_and_what_is_no_sample_is_skipped(format: int, tmp_path: Path) -> None:
    deep = "/".join(["folder" * 5] * 4) + "/photograph"
    members = {
        "._1.jpg": b"x",
        "README": b"x",
        "meta.json": b"{}",
        "1.input.png": png(1),
        "1.mask.png": png(2),
        "1.cls": b"0",
        "1.pyd": b"x",
        f"{deep}.jpg": png(3),
        f"{deep}.json": b'{"label": 1, "group": 5, "path": "p.jpg"}',
    }
    table = scan(tar_of(tmp_path / "train" / "0.tar", members, format), name="train/0.tar")
    assert table["path"].to_list() == ["train/0.tar/1.input.png", "p.jpg"]
    assert table["label"].to_list() == ["0", "1"]
    assert table["split"].to_list() == ["train", "train"]
    assert table["group"].to_list() == [None, "5"]
    content = (tmp_path / "train" / "0.tar").read_bytes()
    for (offset, length), seed in zip(table.select("offset", "length").iter_rows(), (1, 3), strict=True):
        assert content[offset:][:length] == png(seed)


def test_an_image_without_a_label_is_named(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "x.tar", {"1.jpg": png(1), "1.cls": b"0", "2.jpg": png(2), "2.txt": b" "})
    with pytest.raises(
        DataError, match=r"needs a label: 'x\.tar/2' has none in \.json, \.cls or \.txt beside it\. Add"
    ):
        scan(path, name="x.tar")


@pytest.mark.parametrize("label", [{"1.cls": b"\xff\xfe"}, {"1.json": b"{"}])
def test_a_label_that_is_no_text_is_named(label: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"The label of 'x\.tar/1' cannot be read: .*\. Write it as UTF-8 text or JSON"):
        scan(tar_of(tmp_path / "x.tar", {"1.jpg": png(1), **label}), name="x.tar")


def test_a_shard_without_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"images with labels beside them: 'x\.tar' holds no image\. Leave it out\."):
        scan(tar_of(tmp_path / "x.tar", {"1.cls": b"0"}), name="x.tar")


def test_a_shard_that_is_cut_off_anywhere_is_an_error(tmp_path: Path) -> None:
    members = {f"{i}.{e}": c for i in range(3) for e, c in (("png", os.urandom(2000)), ("cls", b"0"))}
    path = tar_of(tmp_path / "x.tar", members)
    whole = path.read_bytes()
    end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    for length in range(0, end + 1, 256):
        path.write_bytes(whole[:length])
        with pytest.raises(
            DataError, match=r"^The shard 'x\.tar' is not a whole tar file: .*\. Fetch or write it again"
        ):
            scan(path, name="x.tar")


def test_another_kind_of_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no tar" * 300)
    with pytest.raises(
        DataError, match=r"^The shard 'x\.tar' is not a whole tar file: .*\. Fetch or write it again\.$"
    ):
        scan(tmp_path / "x.tar", name="x.tar")
