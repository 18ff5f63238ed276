"""Images in tar files of many, here or far away: WebDataset shards.

Beside a shard that `anmok pack` wrote lies its index, which says where each image is; a foreign shard's headers
are read once. Every image is then one read at its place, in any order, from any thread.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import polars as pl
from filelock import FileLock

from anmok.data import remote
from anmok.data.atomic import written_whole
from anmok.data.imagedata import Encoded, ImageData, list_samples
from anmok.data.tars import BLOCK, SCHEMA, scan
from anmok.data.threads import Progress
from anmok.errors import DataError

INDEX_SUFFIX = ".index.parquet"
METADATA = "anmok"  # key of what an index says of its `Pack`, as JSON


class Shard(NamedTuple):
    """A tar file, and where its images are."""

    location: str  # path or address
    table: pl.DataFrame  # columns of `tars.SCHEMA`


class Pack(NamedTuple):
    """What all shards of one pack have in common."""

    digest: str
    images: int


@dataclass(frozen=True, eq=False)
class ShardReader:
    """Reads images from shards, each by an own file handle or request: nothing is shared but the table."""

    shards: tuple[str, ...]
    places: pl.DataFrame  # shard (an index), offset, length

    def __call__(self, id: int) -> Encoded:
        """Read the bytes of one member."""
        number, offset, length = self.places.row(id)
        shard = self.shards[number]
        if length == 0:
            raise OSError("it is empty")
        content = remote.read_part(shard, offset, length) if "://" in shard else _read_part(shard, offset, length)
        if len(content) < length:
            raise DataError(f"The shard '{shard}' is cut off. Fetch or write it again.")
        return content


def load_shards(locations: list[str], *, name: str, whole: bool = False, progress: Progress | None = None) -> ImageData:
    """List the images of tar files at paths or addresses; with `whole`, they must be all that a pack wrote."""
    shards = remote.fetch_all(_open, locations, progress=progress if "://" in locations[0] else None)
    if whole:
        _check_whole(locations, sum(shard.table.height for shard in shards))
    table = pl.concat([shard.table.with_columns(shard=number) for number, shard in enumerate(shards)])
    columns = table.select("path", "label", "split", "group").to_dict(as_series=False)
    classes, samples = list_samples(columns["path"], columns["label"], splits=columns["split"], groups=columns["group"])
    encoded = ShardReader(tuple(shard.location for shard in shards), table.select("shard", "offset", "length"))
    return ImageData(name=name, classes=classes, samples=samples, encoded=encoded)


def expand(pattern: str) -> list[str]:
    """Name every shard of `train-{0000..0007}.tar` or `{train,test}.tar`, as a shell would."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        if "{" in pattern or "}" in pattern:
            raise DataError(f"A brace of '{pattern}' has no partner. Write for instance train-{{0000..0007}}.tar.")
        return [pattern]
    inside = match[1]
    bounds = re.fullmatch(r"(\d+)\.\.(\d+)", inside)
    if bounds:
        first, last = int(bounds[1]), int(bounds[2])
        if first > last:
            raise DataError(f"A range of shards rises: '{pattern}' has '{inside}'. Write {{{last}..{first}}}.")
        choices = [f"{number:0{len(bounds[1])}}" for number in range(first, last + 1)]
    else:
        choices = inside.split(",")
    before, after = pattern[: match.start()], pattern[match.end() :]
    return list(dict.fromkeys(shard for choice in choices for shard in expand(f"{before}{choice}{after}")))


def shards_name(pattern: str) -> str:
    """What to call the shards of a pattern: the part of the file's name before the numbers, else its folder's."""
    path = PurePosixPath(pattern.partition("?")[0])
    stem = re.split(r"[{]", path.name.removesuffix(".tar"))[0].strip("-_.")
    return stem or path.parent.name or "shards"


def index_of(location: str) -> str:
    """Where the index of a shard lies; a query stays behind the name."""
    path, mark, query = location.partition("?")
    return path.removesuffix(".tar") + INDEX_SUFFIX + mark + query


def read_pack(index: Path) -> Pack | None:
    """What an index says of its pack."""
    try:
        found = json.loads(pl.read_parquet_metadata(index)[METADATA])
        return Pack(found["digest"], found["images"])
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError):
        return None


def _open(location: str) -> Shard:
    return _open_remote(location) if "://" in location else _open_local(location)


def _open_local(location: str) -> Shard:
    path = Path(location)
    if not path.is_file():
        raise DataError(f"There is no shard '{location}'. Check the path.")
    index = Path(index_of(location))
    if index.is_file():
        table = _read_index(index, str(index))
        _check_length(location, path.stat().st_size, table)
        return Shard(location, table)
    return Shard(location, _scan_once(path, location))


def _open_remote(url: str) -> Shard:
    shard = remote.look(url)
    if shard is None:
        raise DataError(f"There is no shard '{url}' that you may read. Check the address.")
    with _kept("shards", url) as folder:
        if shard.in_parts and remote.look(index_of(url)) is not None:
            index = folder / "index.parquet"
            remote.download(index_of(url), index)
            table = _read_index(index, index_of(url))
            if shard.length is not None:
                _check_length(url, shard.length, table)
            return Shard(url, table)
        copy = folder / PurePosixPath(url.partition("?")[0]).name
        if not copy.is_file() or shard.length not in (None, copy.stat().st_size):
            remote.download(url, copy)
    return Shard(str(copy), _scan_once(copy, url))


def _read_index(index: Path, shown: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(index).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DataError(f"The index '{shown}' cannot be read: {reason}. Delete it to do without.") from error


def _check_length(location: str, length: int, table: pl.DataFrame) -> None:
    last = table.select((pl.col("offset") + pl.col("length")).max()).item()
    if length < last + BLOCK:
        raise DataError(
            f"The shard '{location}' is cut off: it has {length:,} bytes, its index counts more. "
            "Fetch or write it again."
        )


def _check_whole(locations: list[str], found: int) -> None:
    packs = {read_pack(Path(index_of(location))) for location in locations}
    expected = sum(pack.images for pack in packs if pack is not None)
    if None not in packs and found != expected:
        raise DataError(
            f"A folder of shards must be whole: '{Path(locations[0]).parent}' has {found:,} of {expected:,} images. "
            "Run `anmok pack` again to finish it, or name the shards that you want."
        )


def _scan_once(path: Path, shown: str) -> pl.DataFrame:
    """List what is in a tar file; the list is kept for as long as the file does not change."""
    facts = path.stat()
    try:
        with _kept("scans", f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns} {shown}") as folder:
            kept = folder / "index.parquet"
            if kept.is_file():
                return _read_index(kept, str(kept))
            table = scan(path, name=shown.partition("?")[0])
            with written_whole(kept) as part:
                table.write_parquet(part)
            return table
    except OSError:  # no place to keep it
        return scan(path, name=shown.partition("?")[0])


@contextmanager
def _kept(kind: str, key: str) -> Iterator[Path]:
    """Lend this process alone the folder of the cache that belongs to a key."""
    folder = remote.cache_directory() / kind / blake2b(key.encode(), digest_size=12).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield folder


def _read_part(path: str, offset: int, length: int) -> Encoded:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - no Path is made for each image
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise DataError(f"The shard '{path}' cannot be read: {error.strerror or error}. Check the path.") from error
