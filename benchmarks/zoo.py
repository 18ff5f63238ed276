"""Speed and memory of the zoo's networks beside timm's (torchvision's where timm has none), in one process.

    python benchmarks/zoo.py 'resnet*' vit_small_patch16_224 --batch 1 --batch 16 --train --out speed.csv

Both networks take turns on the same images; a ratio is the median over the rounds of their time by ours, so above 1
ours is faster. Memory is the peak of inference, counted tensor by tensor: below 1 ours needs less. Rows that stand in
the file are not measured again. Run it alone on a quiet machine; `--threads` is for both.
"""

import argparse
import csv
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import geometric_mean, median
from typing import NamedTuple

import anmok  # before torch: it keeps OpenMP from spinning

import torch  # isort: skip
from torch import nn  # isort: skip
from torch.nn.functional import cross_entropy  # isort: skip

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
    parser.add_argument("--train", action="store_true", help="measure a training step too (forward and backward)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("zoo_speed.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    known = read(arguments.out)
    works = ("inference", "training") if arguments.train else ("inference",)
    for name in sorted({name for pattern in arguments.models for name in anmok.list_models(pattern)}):
        theirs = find_reference(name)
        if theirs is None:
            print(f"{name}: neither timm nor torchvision has it")
            continue
        cases = [
            Case(name, work, batch, precision)
            for work in works
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
    return models.get_model(name, weights=None) if name in models.list_models() else None


def measure(pair: tuple[nn.Module, nn.Module], case: Case, rounds: int, device: str) -> dict[str, str]:
    images = torch.randn(case.batch, 3, *pair[0].spec.img_size, device=device)
    labels = torch.arange(case.batch, device=device)
    step = train if case.work == "training" else infer

    def work(network: nn.Module) -> None:
        network.train(case.work == "training")
        with torch.autocast(device, torch.bfloat16, enabled=case.precision == "bf16"):
            step(network, images, labels)

    ours, theirs = take_turns([lambda n=network: work(n) for network in pair], rounds, device)
    memory = [measure_memory(network.eval(), images) for network in pair] if case.work == "inference" else []
    return {
        **dict(zip(Case._fields, case.key(), strict=True)),
        "ours_ms": f"{1000 * median(ours):.2f}",
        "theirs_ms": f"{1000 * median(theirs):.2f}",
        "speed_ratio": f"{ratio(theirs, ours):.3f}",
        "memory_ratio": f"{memory[0] / memory[1]:.3f}" if memory else "",
        "device": device,
    }


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


def infer(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    with torch.inference_mode():
        network(images)


def train(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    out = network(images)
    logits = out if isinstance(out, torch.Tensor) else out[0]  # with auxiliary heads, a tuple
    cross_entropy(logits.float(), labels).backward()
    network.zero_grad(set_to_none=True)


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
