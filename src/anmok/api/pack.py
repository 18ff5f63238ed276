"""Labelled images as WebDataset shards."""

from pathlib import Path

from anmok.api.listing import list_images
from anmok.data import ImageData, Packed
from anmok.data import pack as write_shards
from anmok.selection.observer import Observer, Silent
from anmok.selection.quantities import parse_mebibytes


def pack(
    data: str | Path | ImageData, out: str | Path, *, size: str = "1GB", observer: Observer | None = None
) -> Packed:
    """Write the images into tar files of at most `size`, their bytes unchanged; the same call resumes.

    Splits, groups and class names are kept. `load_data(out)` lists the same images again. Raises an
    `AnmokError` whose message says what to do.
    """
    limit = int(parse_mebibytes(size, "--size") * 2**20)
    watching = observer or Silent()
    images = list_images(data, watching)
    watching.stage("Pack")
    return write_shards(
        images, Path(out), size=limit, progress=lambda done, total: watching.progress(done, total, "images")
    )
