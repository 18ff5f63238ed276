"""What is in a folder of images, and what is wrong with it?"""

from pathlib import Path

from anmok.api.listing import list_images
from anmok.data import Audit, ImageData
from anmok.data import audit as audit_images
from anmok.selection.observer import Observer, Silent


def audit(data: str | Path, *, observer: Observer | None = None) -> tuple[ImageData, Audit]:
    """List the images and look at every one of them."""
    watching = observer or Silent()
    images = list_images(data, watching)
    watching.stage("Audit")
    return images, audit_images(images, progress=lambda done, total: watching.progress(done, total, "images"))
