"""`anmok predict`."""

from pathlib import Path


def predict(model: Path, /, *asked: str, out: Path | None = None, json: bool = False) -> None:
    """Print label and probability for images and folders of images, or what another task answers.

    Parameters
    ----------
    model
        Run directory, or its best/ folder.
    asked
        Files and folders of images; texts, or files with one a line; folders with graphs.
    out
        Folder for what becomes files, such as masks; this one when not given.
    json
        One JSON object per answer, for machines.
    """
    from anmok.cli.show import show_answers, show_predictions
    from anmok.errors import RequestError
    from anmok.serving import Classifier, load

    network = load(model)
    if isinstance(network, Classifier):
        if out is not None:
            raise RequestError(f"Classes of images are printed, not written to files: got --out '{out}'. Leave it out.")
        show_predictions(network.predict(asked), as_json=json)
    else:
        show_answers(network.answer(asked, out or Path()), as_json=json)
