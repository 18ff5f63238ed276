"""`anmok export`."""

from pathlib import Path
from typing import Literal


def export(
    model: Path,
    /,
    *,
    to: Literal["onnx"] = "onnx",
    dynamic_size: bool = False,
    out: Path | None = None,
    images: Path | None = None,
) -> None:
    """Write a trained model for other runtimes, after checking that it answers the same.

    Parameters
    ----------
    model
        Run directory, or its best/ folder.
    to
        Format.
    dynamic_size
        Take images of any height and width, not only of those it was trained on: convolutional networks.
    out
        File to write; model.onnx beside the model when not given.
    images
        Folder of images to check it on; a run directory has its own.
    """
    from anmok.cli.show import show_text
    from anmok.serving import Classifier

    report = Classifier(model).export(
        out or model / f"model.{to}", to=to, dynamic_size=dynamic_size, check_images=images
    )
    show_text(str(report))
