"""Kill a training at random steps, resume it each time, and compare its weights with those of an undisturbed one.

    OMP_NUM_THREADS=1 python benchmarks/resume.py photos/ [--kills 20] [--seed 0] [--model resnet_nano]

Everything that is random is on: decoding in threads, resized crops, RandAugment, erasing, mixup, CutMix, dropout, and
a mean of the weights. A checkpoint is written after each step; every other kill comes in the middle of writing one.
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from anmok.api.train import train as run_training

SETTINGS = {
    "epochs": "2",
    "batch_size": "8",
    "augmentation": "flip-resized-crop",
    "randaugment_layers": "2",
    "erasing": "0.25",
    "mixup": "0.2",
    "cutmix": "1.0",
    "drop_rate": "0.1",
    "ema_decay": "0.99",
    "image_size": "32",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="resnet_nano")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--die-at", type=int, default=-1, help=argparse.SUPPRESS)
    parser.add_argument("--in-checkpoint", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        train(arguments)
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole, cut = Path(folder, "whole"), Path(folder, "cut")
        steps = int(start(arguments, whole, check=True).stdout.split()[-1])
        kills = sorted(random.Random(arguments.seed).sample(range(1, steps), arguments.kills))
        for number, step in enumerate(kills):
            extra = ["--die-at", str(step)] + ["--in-checkpoint"] * (number % 2)
            code = start(arguments, cut, *extra).returncode
            where = "in the checkpoint after" if number % 2 else "before"
            print(f"kill {number + 1}: {where} step {step} of {steps}, exit code {code}", flush=True)
            if code != -signal.SIGKILL:
                sys.exit("The process was to be killed and was not.")
        start(arguments, cut, check=True)
        digests = [digest(run) for run in (whole, cut)]
        print(f"undisturbed {digests[0]}\nkilled      {digests[1]}\nsame bits: {digests[0] == digests[1]}")
        sys.exit(digests[0] != digests[1])


def start(
    arguments: argparse.Namespace, run: Path, *extra: str, check: bool = False
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, __file__, arguments.data, "--model", arguments.model, "--child", str(run), *extra]
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, text=True)


def digest(run: Path) -> str:
    """Of the weights and of all that the log says but times."""
    rows = [line.split(",")[:4] for line in (run / "log.csv").read_text().splitlines()]
    weights = (run / "best" / "model.safetensors").read_bytes()
    return hashlib.sha256(weights + repr(rows).encode()).hexdigest()[:32]


def train(arguments: argparse.Namespace) -> None:
    """One attempt, which ends itself as it is told."""
    from anmok.training import checkpoint, loop
    from anmok.training.stepper import Moment, Stepper

    loop.CHECKPOINT_SECONDS, loop.CHECKPOINT_SHARE = -1.0, float("inf")
    step, save, done = Stepper.step, checkpoint.save_file, 0

    def counted(stepper: Stepper, batch: object, moment: Moment) -> object:
        nonlocal done
        done = moment.epoch * len(stepper._job.train) + moment.step
        if done == arguments.die_at and not arguments.in_checkpoint:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(stepper, batch, moment)

    def saved(tensors: object, path: Path, facts: object) -> None:
        save(tensors, path, facts)
        if done == arguments.die_at and arguments.in_checkpoint:
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    Stepper.step, checkpoint.save_file = counted, saved
    run_training(arguments.model, arguments.data, set=SETTINGS, out=arguments.child)
    print(done + 1)


if __name__ == "__main__":
    main()
