"""`anmok bench`."""

from pathlib import Path
from typing import Literal


def bench(
    *models: str,
    image_size: int = 32,
    num_classes: int = 10,
    runtime: Literal["torch", "onnxruntime"] = "torch",
    threads: int = 1,
    out: Path | None = None,
) -> None:
    """Measure what models cost on this device, for a selection on another machine: anmok select --device FILE.

    Parameters
    ----------
    models
        Names or wildcards; the small preset of every family when not given.
    image_size
        Side of the images in pixels.
    num_classes
        Number of classes; it hardly changes a latency.
    runtime
        What runs the models: torch, as they are trained, or onnxruntime, as they are exported.
    threads
        Processor threads that one image is answered on.
    out
        JSON file to add the rows to.
    """
    from anmok.api.bench import bench as run_bench
    from anmok.cli.show import show_text, watching
    from anmok.cli.show_bench import show_costs

    with watching() as observer:
        costs = run_bench(
            models, image_size=image_size, num_classes=num_classes, runtime=runtime, threads=threads, out=out,
            observer=observer,
        )  # fmt: skip
    show_costs(costs)
    if out:
        show_text(f"\ncosts   {out}")
