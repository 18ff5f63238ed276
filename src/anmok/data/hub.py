"""Data sets of the Hugging Face hub: `hf://owner/name[@revision][/folder][?label=column]`."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, cast

from filelock import FileLock

from anmok.data.atomic import written_whole
from anmok.data.folder import SUFFIXES, load_folder
from anmok.data.imagedata import ImageData, split_of
from anmok.data.parquet import Table, load_tables
from anmok.data.remote import fetch_all
from anmok.data.shards import load_shards
from anmok.data.threads import Progress
from anmok.errors import DataError

SCHEME = "hf://"
CARD = "README.md"
_SOURCE = re.compile(
    r"hf://(?:datasets/)?(?P<repository>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>refs/(?:convert|pr)/[^/?]+|[^/?]+))?"
    r"(?:/(?P<folder>[^?]*))?(?:\?label=(?P<label>.+))?"
)


class Source(NamedTuple):
    """What a user asks the hub for."""

    repository: str
    revision: str | None
    folder: str  # without slashes around it; "" for all
    label: str | None


class Snapshot(NamedTuple):
    """The files of a data set as they were at one commit, all of them on this machine."""

    root: Path
    files: tuple[str, ...]


def load_hub(address: str, *, progress: Progress | None = None) -> ImageData:
    """List the images of a data set: Parquet tables, else tar shards, else a folder per class.

    What was fetched whole before is taken as it is, without asking for a newer one.

    Raises
    ------
    DataError
        There is no such data set, no network and nothing in the cache, or no images in it.

    """
    source = _parse(address)
    snapshot = _kept(source) or _fetch(source, progress)
    name = PurePosixPath(source.repository).name
    tables = [file for file in snapshot.files if file.endswith(".parquet")]
    if tables:
        _check_configurations(source, tables)
        files = [Table(snapshot.root / file, file, split_of(file)) for file in tables]
        return load_tables(files, name=name, label=source.label, card=_card(snapshot.root / CARD))
    if source.label is not None:
        raise DataError(f"Only tables have columns: '{source.repository}' has none, so leave out '?label='.")
    tars = [str(snapshot.root / file) for file in snapshot.files if file.endswith(".tar")]
    if tars:
        return load_shards(tars, name=name)
    root = snapshot.root / source.folder
    images = [Path(file).relative_to(source.folder) for file in snapshot.files if file != CARD]
    return load_folder(root, images, name=name)


def _parse(address: str) -> Source:
    match = _SOURCE.fullmatch(address)
    if match is None:
        raise DataError(
            "A data set of the Hugging Face hub is hf://owner/name[@revision][/folder][?label=column]: "
            f"got '{address}'."
        )
    return Source(match["repository"], match["revision"], (match["folder"] or "").strip("/"), match["label"])


def _kept(source: Source) -> Snapshot | None:
    """What was fetched whole before."""
    try:
        told = json.loads(_record(source).read_text())
        root, files = Path(told["root"]), tuple(told["files"])
    except (OSError, ValueError, KeyError):
        return None
    return Snapshot(root, files) if all((root / file).is_file() for file in files) else None


def _record(source: Source) -> Path:
    """Beside the snapshots in the hub's cache, the list of files that makes one of them whole for us."""
    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE) / f"datasets--{source.repository.replace('/', '--')}"
    return place / "anmok" / f"{'--'.join([source.revision or 'main', source.folder]).replace('/', '--')}.json"


def _fetch(source: Source, progress: Progress | None) -> Snapshot:
    from huggingface_hub import HfApi, hf_hub_download

    record = _record(source)
    with _explained(source):
        record.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(record.with_suffix(".lock")), _without_bars():
            kept = _kept(source)  # another process of ours may have fetched it meanwhile
            if kept is not None:
                return kept
            info = HfApi().dataset_info(source.repository, revision=source.revision)
            wanted = _wanted(source, [sibling.rfilename for sibling in info.siblings or ()])
            fetch = partial(hf_hub_download, source.repository, repo_type="dataset", revision=info.sha)
            paths = fetch_all(fetch, wanted, progress=progress)
            root = Path(paths[0]).parents[len(PurePosixPath(wanted[0]).parts) - 1]
            with written_whole(record) as part:
                part.write_text(json.dumps({"root": str(root), "files": wanted}))
    return Snapshot(root, tuple(wanted))


def _wanted(source: Source, files: Sequence[str]) -> list[str]:
    """The card and all files of the first kind that there is."""
    inside = f"{source.folder}/" if source.folder else ""
    here = [file for file in files if file.startswith(inside) and not PurePosixPath(file).name.startswith(".")]
    for suffixes in ({".parquet"}, {".tar"}, SUFFIXES):
        found = sorted(file for file in here if PurePosixPath(file).suffix.lower() in suffixes)
        if found:
            return [*found, *([CARD] if CARD in files else [])]
    where = f"'{source.repository}'" + (f" in '{source.folder}'" if source.folder else "")
    raise DataError(
        f"{where} on the Hugging Face hub has no Parquet tables, tar shards or images. "
        f"Try its converted form: hf://{source.repository}@refs/convert/parquet"
    )


def _check_configurations(source: Source, tables: Sequence[str]) -> None:
    """Tables in different folders are different data, unless the folders are splits."""
    folders = {
        "/".join(part for part in PurePosixPath(table).parent.parts if split_of(part) is None) for table in tables
    }
    if len(folders) > 1:
        first = f"{SCHEME}{source.repository}{f'@{source.revision}' if source.revision else ''}/{min(folders - {''})}"
        raise DataError(
            f"'{source.repository}' has {len(folders)} data sets: {', '.join(sorted(folders))}. "
            f"Name one, such as {first}"
        )


def _card(path: Path) -> dict[str, list[str]]:
    """Class names by column, as the data set's card gives them."""
    from huggingface_hub.repocard import metadata_load

    if not path.is_file():
        return {}
    told: dict[str, Any] = metadata_load(path) or {}
    infos = told.get("dataset_info", {})
    features = [f for info in ([infos] if isinstance(infos, dict) else infos) for f in info.get("features", [])]
    named = {f["name"]: f["dtype"]["class_label"]["names"] for f in features if _is_class_label(f)}
    return {c: [str(n[k]) for k in sorted(n, key=int)] if isinstance(n, dict) else list(n) for c, n in named.items()}


def _is_class_label(feature: dict[str, Any]) -> bool:
    kind = feature.get("dtype")
    return isinstance(kind, dict) and "names" in (kind.get("class_label") or {})


@contextmanager
def _without_bars() -> Iterator[None]:
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    shown = not are_progress_bars_disabled()
    if shown:
        disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()


@contextmanager
def _explained(source: Source) -> Iterator[None]:
    """Turn what the hub's library raises into one sentence."""
    from huggingface_hub import constants
    from huggingface_hub import errors as hub

    # The root of its HTTP library, which is not the same in all versions.
    transport = cast(type[Exception], hub.HfHubHTTPError.__bases__[0])
    try:
        yield
    except hub.RevisionNotFoundError:
        raise DataError(f"'{source.repository}' has no revision '{source.revision}' on the Hugging Face hub.") from None
    except hub.RepositoryNotFoundError as error:
        raise DataError(
            f"The Hugging Face hub has no data set '{source.repository}' that you may read. Check the name, accept its "
            "terms, or log in with `hf auth login`."
        ) from error
    except hub.HFValidationError as error:
        raise _refused(source, error) from error
    except (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled, transport) as error:
        if isinstance(error, hub.HfHubHTTPError) and not isinstance(error, hub.LocalEntryNotFoundError):
            raise _refused(source, error) from error
        raise DataError(
            f"'{source.repository}' is not whole in the cache '{constants.HF_HUB_CACHE}' and the Hugging Face hub is "
            "out of reach. Run this once with a network."
        ) from error
    except OSError as error:
        raise DataError(
            f"'{source.repository}' cannot be kept in '{constants.HF_HUB_CACHE}': {error.strerror or error}. Mend "
            "that, for instance by freeing space, and run this again."
        ) from error


def _refused(source: Source, error: Exception) -> DataError:
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    return DataError(f"The Hugging Face hub does not give '{source.repository}': {reason}.")
