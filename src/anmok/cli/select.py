"""`anmok select`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def select(  # noqa: PLR0913 - one argument for each option
    data: str,
    *,
    budget: str = "30m",
    max_latency: str | None = None,
    max_params: str | None = None,
    max_memory: str | None = None,
    models: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    epochs: int | None = None,
    image_size: int | None = None,
    experience: Path | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Choose a backbone for labelled images by measurement, train it, export it and explain why.

    Parameters
    ----------
    data
        Folder with a sub-folder per class, CSV or Parquet manifest (path,label[,split,group]), or "fashion".
    budget
        Wall-clock time for everything, such as 30m or 2h.
    max_latency
        Upper bound for one image on one thread, measured here, such as 20ms.
    max_params
        Upper bound for the number of parameters, such as 25M.
    max_memory
        Upper bound for the memory that one image takes, such as 512MiB.
    models
        Names or wildcards of the models that race, timm:NAME, hf:ID and module:callable among them; the small
        preset of every family when not given.
    epochs
        Epochs at the full data; as many as the budget allows when not given.
    image_size
        Side of the training images in pixels; from the images when not given.
    experience
        File of earlier runs to learn from and to add this one to; one of this machine's own when not given.
    seed
        Makes splits, trainings and decision repeatable on one machine.
    out
        Run directory; the same command resumes it. runs/<name of the data> when not given.
    """
    from anmok.api.select import select as run_selection
    from anmok.cli.show import show_selection, watching

    limits = {"max_latency": max_latency, "max_params": max_params, "max_memory": max_memory}
    with watching() as observer:
        result = run_selection(
            data, budget=budget, **limits, models=models or (), epochs=epochs, image_size=image_size,
            experience=experience, seed=seed, out=out, observer=observer,
        )  # fmt: skip
    show_selection(result)
