"""Speed and memory of the zoo's networks beside timm's (torchvision's or transformers' where timm has none).

    python benchmarks/zoo.py 'resnet*' vit_small_patch16_224 --batch 1 --batch 16 --train --out speed.csv

Both take turns on the same images in one process; a ratio is the median over the rounds of their time by ours, so above
1 ours is faster. Time is the processor's on one thread of a CPU, which others disturb less, else the wall clock's.
Memory is the peak of inference, counted tensor by tensor: below 1 ours needs less. Rows that stand in the file are not
measured again. `--threads` is for both; `--train` measures training steps in place of inference.
"""

import argparse
import csv
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any, NamedTuple

import anmok  # before torch: it keeps OpenMP from spinning

import torch  # isort: skip
from torch import nn  # isort: skip

from training_step import autocast, our_step, timms_step  # isort: skip

from anmok.evaluation.cost import measure_memory  # isort: skip

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from oracles import reference


class Case(NamedTuple):
    """What is measured."""

    model: str
    work: str  # inference or training
    batch: int
    precision: str

    def key(self) -> tuple[str, ...]:
        return tuple(map(str, self))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="names or wildcards")
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--precision", action="append", choices=("fp32", "bf16"))
    parser.add_argument("--train", action="store_true", help="training steps in place of inference")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("zoo_speed.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = read(arguments.out)
    work = "training" if arguments.train else "inference"
    for name in sorted({name for pattern in arguments.models for name in anmok.list_models(pattern)}):
        theirs = find_reference(name)
        if theirs is None:
            print(f"{name}: none of timm, torchvision and transformers has it")
            continue
        cases = [
            Case(name, work, batch, precision)
            for batch in arguments.batch or [1]
            for precision in arguments.precision or ["fp32"]
        ]
        cases = [case for case in cases if case.key() not in known]
        if cases:
            pair = (anmok.create_model(name).to(device), theirs.to(device))
            for case in cases:
                row = measure(pair, case, arguments.rounds, device)
                write(arguments.out, row)
                print(*row.values(), flush=True)
    summarise(arguments.out)


def find_reference(name: str) -> nn.Module | None:
    timm = reference("timm")
    if name in timm.list_models():
        return timm.create_model(name, num_classes=1000)
    models = reference("torchvision").models
    if name in models.list_models():
        options = {"aux_logits": False} if name == "googlenet" else {}
        return models.get_model(name, weights=None, dropout=0.0, **options)  # as ours is
    return Answer(_cvt(name)) if name in _CVT_DEPTHS else None


_CVT_DEPTHS = {"cvt_13_224": (1, 2, 10), "cvt_21_224": (1, 4, 16)}


def _cvt(name: str) -> nn.Module:
    transformers = reference("transformers")
    depths, zeros = _CVT_DEPTHS[name], (0.0, 0.0, 0.0)
    config = transformers.CvtConfig(num_labels=1000, depth=depths, drop_rate=zeros, drop_path_rate=zeros)
    return transformers.CvtForImageClassification(config)


class Answer(nn.Module):
    """The logits of a network of transformers, which gives more."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images).logits


def measure(pair: tuple[nn.Module, nn.Module], case: Case, rounds: int, device: torch.device) -> dict[str, str]:
    prepare = prepare_training if case.work == "training" else prepare_inference
    ours, theirs = take_turns(prepare(pair, case, device), rounds, device.type, clock_for(device))
    memory = []
    if case.work == "inference":
        images = torch.randn(case.batch, 3, *pair[0].spec.img_size, device=device)
        memory = [measure_memory(network.eval(), images) for network in pair]
    return {
        **dict(zip(Case._fields, case.key(), strict=True)),
        "ours_ms": f"{1000 * median(ours):.2f}",
        "theirs_ms": f"{1000 * median(theirs):.2f}",
        "speed_ratio": f"{ratio(theirs, ours):.3f}",
        "memory_ratio": f"{memory[0] / memory[1]:.3f}" if memory else "",
        "device": device.type,
    }


def clock_for(device: torch.device) -> Callable[[], float]:
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.thread_time if alone else time.perf_counter


def prepare_inference(pair: tuple[nn.Module, nn.Module], case: Case, device: torch.device) -> list[Callable[[], Any]]:
    images = torch.randn(case.batch, 3, *pair[0].spec.img_size, device=device)

    def run(network: nn.Module) -> None:
        with torch.inference_mode(), autocast(case.precision, device):
            network(images)

    return [partial(run, network.eval()) for network in pair]


def prepare_training(pair: tuple[nn.Module, nn.Module], case: Case, device: torch.device) -> list[Callable[[], Any]]:
    pixels = torch.randint(256, (case.batch, 3, *pair[0].spec.img_size), dtype=torch.uint8)
    labels = torch.arange(case.batch)
    steps = zip((our_step, timms_step), pair, strict=True)
    return [step(network.train(), pixels, labels, case.precision, device) for step, network in steps]


def take_turns(
    runs: list[Callable[[], object]], rounds: int, device: str, clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
    """Seconds of each run; a disturbance meets them alike."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(rounds + 1):
        for run, taken in zip(runs, times, strict=True):
            start = clock()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            if turn:  # the first pass warms up
                taken.append(clock() - start)
    return times


def ratio(slow: list[float], fast: list[float]) -> float:
    """The median over the rounds."""
    return median(a / b for a, b in zip(slow, fast, strict=True))


def read(path: Path, fields: Sequence[str] = Case._fields) -> set[tuple[str, ...]]:
    if not path.exists():
        return set()
    with path.open() as file:
        return {tuple(row[field] for field in fields) for row in csv.DictReader(file)}


def write(path: Path, row: dict[str, str]) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def summarise(path: Path) -> None:
    """Geometric means over models, and who is slower or larger than its reference."""
    if not path.exists():
        return
    with path.open() as file:
        rows = list(csv.DictReader(file))
    for group in sorted({(r["work"], r["batch"], r["precision"]) for r in rows}):
        mine = [r for r in rows if (r["work"], r["batch"], r["precision"]) == group]
        ratios = {r["model"]: float(r["speed_ratio"]) for r in mine}
        slower = [f"{model} {ratio:.2f}" for model, ratio in ratios.items() if ratio < 1]
        larger = [r["model"] for r in mine if r["memory_ratio"] and float(r["memory_ratio"]) > 1.001]
        print(
            f"{' '.join(group)}: geometric mean {geometric_mean(ratios.values()):.3f} over {len(ratios)} models;",
            end=" ",
        )
        print(f"slower: {', '.join(slower) or 'none'}; more memory: {', '.join(larger) or 'none'}")


if __name__ == "__main__":
    main()
