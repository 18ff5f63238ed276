"""Do the effects that the zoo's papers are known for appear on a few thousand small images? Five short experiments.

    OMP_NUM_THREADS=1 python benchmarks/effects photos/ [--only shortcuts] [--scale 2] [--seeds 3]

`photos/` has the folders train and test with a folder per class in each, for training 400 images a class or more.
Every seed has its own training images, the same for all arms of an experiment, and gives one paired difference.
Finished trainings stand in the file of `--records` and are not repeated; the page of `--page` is written anew from it
after each experiment.
"""

import argparse
import sys
from pathlib import Path

from claims import Experiment, Rows
from experiments import EXPERIMENTS
from page import write_page

import anmok
from training import Images, Records, key_of, train

import torch  # isort: skip

PAGE = Path(__file__).parents[2] / "docs" / "effects.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a folder")
    parser.add_argument("--only", action="append", choices=EXPERIMENTS, help="this experiment; may be repeated")
    parser.add_argument("--scale", type=float, default=1.0, help="times the epochs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--records", type=Path, default=Path("effects.jsonl"))
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        sys.exit("An interval takes at least two seeds.")
    torch.set_num_threads(arguments.threads)
    images, records = Images(anmok.load_data(arguments.data)), Records(arguments.records)
    results: dict[str, tuple[Experiment, list[Rows]]] = {}
    for name in arguments.only or EXPERIMENTS:
        experiment = EXPERIMENTS[name](arguments.scale)
        seeds = [run(name, experiment, seed, images, records) for seed in range(1, arguments.seeds + 1)]
        results[name] = experiment, seeds
        arguments.page.write_text(write_page(results, images.data.name, command(arguments, images.data.name)))


def command(arguments: argparse.Namespace, data: str) -> str:
    """What makes this page."""
    options = "".join(f" --only {name}" for name in arguments.only or ())
    options += f" --scale {arguments.scale:g}" if arguments.scale != 1 else ""
    options += f" --seeds {arguments.seeds}" if arguments.seeds != 3 else ""
    return f"OMP_NUM_THREADS={arguments.threads} python benchmarks/effects {data}/{options}"


def run(name: str, experiment: Experiment, seed: int, images: Images, records: Records) -> Rows:
    """The row of each arm; those that are missing are trained."""
    rows: Rows = {}
    keys = {title: key_of(name, title, experiment.arms, seed, images.data) for title in experiment.arms}
    for title, arm in experiment.arms.items():
        row, weights = records.find(keys[title]), records.weights(keys[title])
        if row is None or (arm.teaches and not weights.exists()):
            teacher = records.weights(keys[arm.teacher]) if arm.teacher else None
            row = keys[title] | train(arm, images, seed, teacher, weights)
            records.append(row)
            print(row, flush=True)
        rows[title] = row
    return rows


if __name__ == "__main__":
    main()
