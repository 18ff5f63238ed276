"""How far off the forecasts of training time were, in the runs that `anmok select` left behind.

    python benchmarks/forecast.py runs/photos runs/others ...

Each training of the race is held against what the plan foresaw for it from a few steps.
"""

import argparse
from math import fsum
from pathlib import Path
from statistics import median

from anmok.evaluation.measurements import Measurements
from anmok.selection.evidence import read_evidence
from anmok.selection.plan import Extent, trial_seconds
from anmok.selection.run_directory import RunDirectory


def main() -> None:
    """Print one line for each run: taken over foreseen, and the median of the errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+")
    for run in parser.parse_args().runs:
        taken, foreseen = _trials(RunDirectory.existing(Path(run)).measurements)
        errors = [abs(a / b - 1) for a, b in zip(taken, foreseen, strict=True)]
        print(
            f"{run}: {len(taken)} trainings took {fsum(taken) / fsum(foreseen):.2f} times what was foreseen; "
            f"median error of one {100 * median(errors):.0f} %"
        )


def _trials(table: Measurements) -> tuple[list[float], list[float]]:
    """Seconds of every training of the race, and those that were foreseen for it."""
    evidence = read_evidence(table)
    images = {name: _last(table, f"{name}_images") for name in ("train", "select")}
    extent = Extent(
        train_images=images["train"], final_images=sum(images.values()), num_classes=1, budget=0.0, workers=1
    )
    epochs = _last(table, "plan_epochs")
    finished = evidence.finished
    return [t.seconds for t in finished], [
        trial_seconds(evidence.costs[t.model], t.fraction, epochs, extent) for t in finished
    ]


def _last(table: Measurements, metric: str) -> int:
    return int(table.rows(metric=metric)[-1].value)


if __name__ == "__main__":
    main()
