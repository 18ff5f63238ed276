"""What a user names as data, listed while somebody watches."""

from pathlib import Path

from anmok.data import ImageData, load_data
from anmok.selection.observer import Observer


def list_images(data: str | Path | ImageData, watching: Observer) -> ImageData:
    """List the images of a source, and show how many of the files that must be fetched for it have been."""

    def fetched(done: int, total: int) -> None:
        if done == 0:
            watching.stage("Fetch")
        watching.progress(done, total, "files")

    return data if isinstance(data, ImageData) else load_data(data, progress=fetched)
