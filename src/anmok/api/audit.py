"""What is in a folder of images, or in the data of another task, and what is wrong with it?"""

from collections.abc import Sequence
from pathlib import Path

from anmok.api.listing import list_images
from anmok.backbone import Task
from anmok.data import Audit, Finding, ImageData
from anmok.data import audit as audit_images
from anmok.selection.observer import Observer, Silent
from anmok.tasks import find_task


def audit(data: str | Path, *, observer: Observer | None = None) -> tuple[ImageData, Audit]:
    """List the images and look at every one of them."""
    watching = observer or Silent()
    images = list_images(data, watching)
    watching.stage("Audit")
    return images, audit_images(images, progress=lambda done, total: watching.progress(done, total, "images"))


def audit_for(task: Task, data: str | Path) -> Sequence[Finding]:
    """What a training for a task other than one class for an image would find in its data; raises `DataError`."""
    return find_task(task).open(Path(data), 0).findings()
