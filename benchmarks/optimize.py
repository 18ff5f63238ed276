"""anmok.optimize beside timm's networks: run as they are, and through OpenVINO in bfloat16.

    python benchmarks/optimize.py resnet50 'swin_tiny*' --batch 1 --batch 16 --out optimize.csv

The three take turns on the same images in one process; a ratio is the median over the rounds of another's time by
ours, so above 1 ours is faster (goal: 2.5 over eager, 1 over OpenVINO, whose model is made by its own converter for
this very shape). Where timm lacks a network, torchvision's stands in, or ours, in eager mode alone. Rows that stand
in the file are not measured again. Run it alone on a quiet machine; `--clock cpu` counts processor time, which others
disturb less.
"""

import argparse
import csv
import importlib.util
import time
import warnings
from pathlib import Path
from statistics import geometric_mean, median

import anmok  # before torch: it keeps OpenMP from spinning

import torch  # isort: skip
from torch import nn  # isort: skip

from zoo import find_reference, ratio, read, take_turns, write  # isort: skip

from anmok.serving.fast_paths import Run  # isort: skip
from anmok.serving.openvino_run import OpenVinoRun  # isort: skip

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="names or wildcards")
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--out", type=Path, default=Path("optimize.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    known = read(arguments.out, ("model", "batch"))
    for name in sorted({name for pattern in arguments.models for name in anmok.list_models(pattern)}):
        for batch in arguments.batch or [1]:
            if (name, str(batch)) not in known:
                row = measure(name, batch, arguments)
                write(arguments.out, row)
                print(*row.values(), flush=True)
    summarise(arguments.out)


def measure(name: str, batch: int, arguments: argparse.Namespace) -> dict[str, str]:
    torch.manual_seed(0)
    network = anmok.create_model(name).eval()
    reference = find_reference(name)
    theirs = (reference or anmok.create_model(name)).eval()
    images = torch.randn(batch, 3, *network.spec.img_size)
    fast = anmok.optimize(network, images)
    trial = next(trial for trial in fast.trials if trial.path is fast.path)
    runs = [fast, theirs]
    if reference is not None and importlib.util.find_spec("openvino") is not None:
        runs.append(convert(reference, images))
    ours, eager, *rest = take_turns(
        [lambda run=run: infer(run, images) for run in runs], arguments.rounds, "cpu", CLOCKS[arguments.clock]
    )
    return {
        "model": name,
        "batch": str(batch),
        "reference": "anmok" if reference is None else type(reference).__module__.split(".")[0],
        "path": fast.path,
        "ours_ms": f"{1000 * median(ours):.2f}",
        "eager_ms": f"{1000 * median(eager):.2f}",
        "openvino_ms": f"{1000 * median(rest[0]):.2f}" if rest else "",
        "over_eager": f"{ratio(eager, ours):.3f}",
        "over_openvino": f"{ratio(rest[0], ours):.3f}" if rest else "",
        "difference": f"{trial.difference:.1e}",
        "clock": arguments.clock,
        "threads": str(arguments.threads),
    }


def infer(run: Run, images: torch.Tensor) -> None:
    with torch.inference_mode():
        run(images)


def convert(network: nn.Module, images: torch.Tensor) -> OpenVinoRun:
    """OpenVINO's own way to a model of a network, in bfloat16."""
    import openvino

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        network(images)  # what it computes once and keeps must not be traced
        return OpenVinoRun(openvino.convert_model(network, example_input=images), precision="bf16", images=images)


def summarise(path: Path) -> None:
    """Geometric means over models, and who misses a goal."""
    if not path.exists():
        return
    with path.open() as file:
        rows = list(csv.DictReader(file))
    for column, goal in (("over_eager", 2.5), ("over_openvino", 1.0)):
        for batch in sorted({row["batch"] for row in rows}, key=int):
            ratios = {row["model"]: float(row[column]) for row in rows if row["batch"] == batch and row[column]}
            below = ", ".join(f"{model} {value:.2f}" for model, value in ratios.items() if value < goal)
            if ratios:
                mean = f"geometric mean {geometric_mean(ratios.values()):.2f} of {len(ratios)}"
                print(f"batch {batch}, {column}: {mean}; below {goal}: {below or 'none'}")


if __name__ == "__main__":
    main()
