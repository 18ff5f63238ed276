"""What a user names as data, listed while somebody watches."""

from pathlib import Path

import polars as pl

from anmok.data import ImageData, Split, load_data, read_splits
from anmok.errors import DataError
from anmok.selection.observer import Observer
from anmok.selection.run_directory import RunDirectory


def list_images(data: str | Path | ImageData, watching: Observer) -> ImageData:
    """List the images of a source, and show how many of the files that must be fetched for it have been."""

    def fetched(done: int, total: int) -> None:
        if done == 0:
            watching.stage("Fetch")
        watching.progress(done, total, "files")

    return data if isinstance(data, ImageData) else load_data(data, progress=fetched)


def choose_samples(images: ImageData, model: Path, split: Split | None = None) -> tuple[pl.DataFrame, str]:
    """The images to test the model in a directory on, and why these.

    Of images that its run was trained on the test split; of others with splits theirs; else all.
    Raises `DataError` where a split that was named is empty.
    """
    run = RunDirectory(model.parent)
    samples, by_run = images.samples, ""
    if run.splits.is_file():
        known = read_splits(run.splits)
        if known["path"].is_in(samples["path"].implode()).all():
            samples, by_run = known, ", as the run split them"
    given = set(samples["split"].drop_nulls())
    wanted = split or ("test" if "test" in given else None)
    if wanted is None:
        return samples, ""
    chosen = samples.filter(pl.col("split") == wanted)
    if chosen.is_empty():
        raise DataError(f"There are no {wanted} images in '{images.name}'. Leave --split out to take all.")
    return chosen, f"{chosen.height:,} {wanted} images of {samples.height:,}{by_run}"
