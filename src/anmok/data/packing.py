"""Any labelled images -> WebDataset shards, each image's file as it is."""

import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from io import BytesIO
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import polars as pl
from filelock import FileLock, Timeout

from anmok.data.atomic import written_whole
from anmok.data.decode import unreadable
from anmok.data.folder import SUFFIXES
from anmok.data.imagedata import SPLITS, Encoded, ImageData
from anmok.data.shards import METADATA, Pack, index_of, read_pack
from anmok.data.tars import BLOCK, SCHEMA
from anmok.data.threads import Progress, map_in_threads
from anmok.errors import DataError, RunDirectoryError

NO_SPLIT = "images"  # what the shards of images without a split are called
_STEP = 64  # images from one report of progress to the next
_MAGIC = {
    b"\xff\xd8": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What was written."""

    path: Path
    shards: int
    images: int
    bytes: int


def pack(data: ImageData, root: Path, *, size: int, progress: Progress | None = None) -> Packed:
    """Write all images into tar files of at most `size` bytes, `root/<split>-0000.tar`, each with its index beside it.

    Image files keep their bytes; beside each lies the number of its class (.cls) and its class name, path and
    group (.json). The result depends on nothing but the images and `size`. A shard has its name only when it is
    whole, and the same call goes on after those that are. Images that come class by class are shuffled within
    their split, for readers that read in order; others keep their order.

    Raises
    ------
    DataError
        An image cannot be read, or the disk is full, or the folder holds other shards.
    RunDirectoryError
        Another process packs into the folder.

    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".lock", timeout=0):
            return _pack(data, root, size, progress)
    except Timeout:
        raise RunDirectoryError(
            f"One process packs at a time: another is writing into '{root}'. Wait for it."
        ) from None
    except OSError as error:
        raise DataError(
            f"The shards in '{root}' cannot be written: {error.strerror or error}. Mend that, for instance by freeing "
            "space, and run the same command again: it goes on where it was."
        ) from error


def _pack(data: ImageData, root: Path, size: int, progress: Progress | None) -> Packed:
    this = Pack(_digest(data, size), len(data.samples))
    _check_others(root, this)
    tars: list[Path] = []
    done = 0
    for split in (*SPLITS, None):
        ids, start = _order(data, split), 0
        for number in count():
            if start == len(ids):
                break
            tars.append(root / f"{split or NO_SPLIT}-{number:04}.tar")
            if not tars[-1].exists():
                _write_shard(data, ids[start:], tars[-1], this, size, partial(_tell, progress, done + start, this))
            start += pl.scan_parquet(index_of(str(tars[-1]))).select(pl.len()).collect().item()
            _tell(progress, done, this, start)
        done += len(ids)
    return Packed(path=root, shards=len(tars), images=done, bytes=sum(tar.stat().st_size for tar in tars))


def _tell(progress: Progress | None, before: int, pack: Pack, written: int) -> None:
    if progress is not None:
        progress(before + written, pack.images)


def _write_shard(
    data: ImageData, ids: Sequence[int], path: Path, pack: Pack, size: int, tell: Callable[[int], None]
) -> None:
    """Write as many of the images as fit, at least one, and the index of the shard."""
    rows: list[dict[str, Any]] = []
    with written_whole(path) as part:
        with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
            for id, content in zip(ids, map_in_threads(partial(_content, data), ids, progress=None), strict=True):
                facts = data.samples.row(id, named=True)
                members = _members(facts, data.classes[facts["label"]], content)
                length = sum(BLOCK + _round_up(len(body), BLOCK) for _, body in members)
                if rows and _round_up(tar.offset + length + 2 * BLOCK, tarfile.RECORDSIZE) > size:
                    break
                row = {**facts, "label": data.classes[facts["label"]], "offset": tar.offset + BLOCK}
                rows.append({**row, "length": len(content)})
                for name, body in members:
                    member = tarfile.TarInfo(name)
                    member.size = len(body)
                    tar.addfile(member, BytesIO(body))
                if len(rows) % _STEP == 0:
                    tell(len(rows))
        with written_whole(Path(index_of(str(path)))) as index:
            pl.DataFrame(rows, schema=SCHEMA).write_parquet(index, metadata={METADATA: json.dumps(pack._asdict())})


def _members(facts: dict[str, Any], label: str, content: Encoded) -> list[tuple[str, Encoded]]:
    """Name and content of an image's files, the image first."""
    key = f"{facts['id']:08}"
    told = {"label": label, "path": facts["path"]} | ({"group": facts["group"]} if facts["group"] else {})
    return [
        (key + _suffix(facts["path"], content), content),
        (f"{key}.cls", str(facts["label"]).encode()),
        (f"{key}.json", json.dumps(told, ensure_ascii=False).encode()),
    ]


def _suffix(path: str, content: Encoded) -> str:
    named = PurePosixPath(path).suffix.lower()
    return named if named in SUFFIXES else next((s for magic, s in _MAGIC.items() if content.startswith(magic)), ".img")


def _content(data: ImageData, id: int) -> Encoded:
    try:
        return data.bytes(id)
    except OSError as error:
        raise unreadable(data.path(id), error) from error


def _order(data: ImageData, split: str | None) -> list[int]:
    rows = data.samples.filter(pl.col("split").eq_missing(split))
    ids = rows["id"].to_numpy()
    return (np.random.default_rng(0).permutation(ids) if rows["label"].is_sorted() else ids).tolist()


def _digest(data: ImageData, size: int) -> str:
    listing = [json.dumps([size, data.classes]), data.samples.write_csv()]
    return blake2b("\n".join(listing).encode(), digest_size=16).hexdigest()


def _check_others(root: Path, this: Pack) -> None:
    for tar in sorted(root.glob("*.tar")):
        if read_pack(Path(index_of(str(tar)))) != this:
            raise DataError(
                f"Shards of different images or sizes cannot share a folder: '{root}' has '{tar.name}' from elsewhere. "
                "Give another folder, or delete it."
            )


def _round_up(length: int, block: int) -> int:
    return -(-length // block) * block
