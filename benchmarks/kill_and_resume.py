"""Kill a demo run at random moments, repeat the command each time, and compare it with an undisturbed run.

    python benchmarks/kill_and_resume.py UNDISTURBED_RUN NEW_RUN [--kills 10] [--seed 0]

`UNDISTURBED_RUN` is the directory of a finished `anmok demo --out UNDISTURBED_RUN` on the same machine.
"""

import argparse
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from anmok.api.select import read_selection
from anmok.selection.run_directory import RunDirectory
from anmok.selection.trial import ACCURACY

Key = tuple[str, float, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("undisturbed", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    command = [sys.executable, "-m", "anmok", "demo", "--out", str(arguments.run)]
    for kill in range(arguments.kills):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(5, 45))
        process.send_signal(signal.SIGKILL)
        process.wait()
        done = trials(arguments.run) if (arguments.run / "measurements.sqlite").exists() else {}
        print(f"kill {kill + 1}: {len(done)} trials finished", flush=True)
    subprocess.run(command, check=True)

    expected, found = read_selection(arguments.undisturbed).decision, read_selection(arguments.run).decision
    print(f"undisturbed: {expected.winner}, tied {expected.tied}; killed: {found.winner}, tied {found.tied}")
    print(f"repeated trials: {[key for key, n in trials(arguments.run).items() if n > 1]}")
    print(f"different accuracies: {different(arguments.undisturbed, arguments.run)}")
    sys.exit(0 if expected.winner == found.winner else 1)


def trials(run: Path) -> Counter[Key]:
    """How often each trial was finished."""
    return Counter(
        (row.subject, row.conditions["fraction"], f"{row.conditions['stage']} {row.conditions['augmentation']}")
        for row in rows(run)
    )


def different(first: Path, second: Path) -> list[Key]:
    """Trials that both runs finished with different accuracies."""
    accuracies = [
        {(r.subject, r.conditions["fraction"], r.conditions["augmentation"]): r.value for r in rows(run)}
        for run in (first, second)
    ]
    return [key for key in accuracies[0].keys() & accuracies[1].keys() if accuracies[0][key] != accuracies[1][key]]


def rows(run: Path) -> list:
    """Accuracies of the finished trials."""
    return RunDirectory(run).measurements.rows(metric=ACCURACY)


if __name__ == "__main__":
    main()
