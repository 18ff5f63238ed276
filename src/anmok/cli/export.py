"""`anmok export`."""

from pathlib import Path
from typing import Literal


def export(
    model: Path, /, *, to: Literal["onnx"] = "onnx", out: Path | None = None, images: Path | None = None
) -> None:
    """Write a trained model for other runtimes, after checking that it answers the same.

    Parameters
    ----------
    model
        Run directory, or its best/ folder.
    to
        Format.
    out
        File to write; model.onnx beside the model when not given.
    images
        Folder of images to check it on; a run directory has its own.
    """
    from anmok.cli.show import show_text
    from anmok.serving import load

    show_text(str(load(model).export(out or model / f"model.{to}", to=to, check_images=images)))
