"""`anmok select`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def select(  # noqa: PLR0913 - one argument for each option
    data: str,
    *,
    task: Literal["classification", "segmentation"] = "classification",
    budget: str = "30m",
    max_latency: str | None = None,
    max_params: str | None = None,
    max_memory: str | None = None,
    models: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    pretrained: bool = False,
    weights: Path | None = None,
    epochs: int | None = None,
    image_size: int | None = None,
    device: Path | None = None,
    runtime: Literal["torch", "onnxruntime"] | None = None,
    experience: Path | None = None,
    objective: Literal["accuracy", "balanced-accuracy", "macro-f1", "top5"] | None = None,
    costs: Path | None = None,
    prefer: Literal["latency", "params", "memory", "training", "energy"] = "latency",
    engine: Literal["local", "ray"] = "local",
    workers: int | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Choose a backbone for labelled images by measurement, train it, export it and explain why.

    Parameters
    ----------
    data
        Folder with a sub-folder per class, CSV or Parquet manifest (path,label[,split,group]), or "fashion".
    task
        What the images are for; segmentation takes images/ beside masks/, or a manifest with columns image and mask,
        and races backbones as the encoders of U-Nets, by mIoU.
    budget
        Wall-clock time for everything, such as 30m or 2h.
    max_latency
        Upper bound for one image on one thread, such as 20ms; measured here, unless --device is given.
    max_params
        Upper bound for the number of parameters, such as 25M.
    max_memory
        Upper bound for the memory that one image takes, such as 512MiB.
    models
        Names or wildcards of the models that race, timm:NAME, hf:ID and module:callable among them; the small
        preset of every family when not given.
    pretrained
        Fine-tune models with public weights (resnet50.tv2_in1k names others than the usual ones), eleven small
        presets when --models names none: a shortlist by their frozen features, then the race.
    weights
        Folder of the weights to start from, files such as resnet18.safetensors: one's own, or where there is no hub.
    epochs
        Epochs at the full data; as many as the budget allows when not given.
    image_size
        Side of the training images in pixels; from the images when not given.
    device
        File that `anmok bench --out` wrote on the device where the model will run: latency and memory are those there.
    runtime
        What runs the models whose latency is measured here: torch, or onnxruntime as they are exported.
    experience
        File of earlier runs to learn from and to add this one to; one of this machine's own when not given.
    objective
        What models are compared by: accuracy when not given, or balanced-accuracy, macro-f1 or top5.
    costs
        CSV file that says what errors cost, to compare models by that: columns true,predicted,cost, or class,cost
        for every error on a class; errors that it does not name cost 1.
    prefer
        The cost by which the cheapest of equally good models is taken: latency, params, memory, training, or energy
        where this machine's counters can be read (Linux powercap, NVML).
    engine
        Where trainings run: local, in processes of this machine, or ray (pip install 'anmok[ray]'), on the cluster that
        RAY_ADDRESS names or on one that is started here. All machines must see the run directory: put --out on a file
        system that they share.
    workers
        Trainings at a time; one for each processor, or for each of the cluster's CPUs or GPUs, when not given. A run
        may be resumed with another engine and other workers.
    seed
        Makes splits, trainings and decision repeatable on one machine.
    out
        Run directory; the same command resumes it. runs/DATA, after the name of the images, when not given.
    """
    from anmok.api.select import select as run_selection
    from anmok.cli.show import show_selection, watching

    limits = {"max_latency": max_latency, "max_params": max_params, "max_memory": max_memory}
    with watching() as observer:
        result = run_selection(
            data, task=task, budget=budget, **limits, models=models or (), pretrained=pretrained, weights=weights,
            epochs=epochs, image_size=image_size, device=device, runtime=runtime,
            experience=experience, objective=objective, costs=costs, prefer=prefer,
            engine=engine, workers=workers, seed=seed, out=out, observer=observer,
        )  # fmt: skip
    show_selection(result)
