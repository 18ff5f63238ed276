"""`anmok predict`."""

from pathlib import Path


def predict(model: Path, /, *images: Path, json: bool = False) -> None:
    """Print label and probability for images and folders of images.

    Parameters
    ----------
    model
        Run directory, or its best/ folder.
    images
        Files and folders.
    json
        One JSON object per image, for machines.
    """
    from anmok.cli.show import show_predictions
    from anmok.serving import load

    show_predictions(load(model).predict(images), as_json=json)
