"""`anmok scale-search`."""

from pathlib import Path


def scale_search(  # noqa: PLR0913 - one argument for each option
    data: str,
    *,
    model: str = "efficientnet_nano",
    constraint: float | None = None,
    budget: str = "30m",
    epochs: int | None = None,
    image_size: int | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Find how to scale a model up on labelled images: how much deeper, wider and finer it should become.

    Parameters
    ----------
    data
        Folder with a sub-folder per class, CSV or Parquet manifest (path,label[,split,group]), or "fashion".
    model
        Model to start from, of a family with depths and widths.
    constraint
        What its MACs may grow to, times: alpha * beta^2 * gamma^2. That of the family's paper when not given.
    budget
        Wall-clock time for everything, such as 30m or 2h.
    epochs
        Epochs of each training; as many as the budget allows when not given.
    image_size
        Side of the images in pixels before scaling; from the images when not given. Leave room to the images' own
        size: above it, resolution only enlarges them.
    seed
        Makes splits and trainings repeatable on one machine.
    out
        Run directory; the same command resumes it. runs/DATA-scaling, after the name of the images, when not given.
    """
    from anmok.api.scale_search import scale_search as run_search
    from anmok.cli.show import watching
    from anmok.cli.show_scaling import show_scaling

    with watching() as observer:
        result = run_search(
            data, model=model, constraint=constraint, budget=budget, epochs=epochs, image_size=image_size,
            seed=seed, out=out, observer=observer,
        )  # fmt: skip
    show_scaling(result)
