"""Where the course of a training is written down: each log is called after every epoch."""

import csv
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from anmok.data.atomic import written_whole
from anmok.errors import RequestError
from anmok.training.job import EpochProgress

Log: TypeAlias = Callable[[EpochProgress], None]

COLUMNS = ("epoch", "loss", "select_score", "learning_rate", "rate", "seconds", "note")


@dataclass(frozen=True)
class CsvLog:
    """One row an epoch. A training that goes on from a checkpoint replaces the rows of the epochs it repeats."""

    path: Path

    def __call__(self, progress: EpochProgress) -> None:
        """Write the epoch's row; the file is there whole or not at all."""
        values = [*_metrics(progress).values()]
        with written_whole(self.path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(row for row in self._rows() if int(row[0]) < progress.epoch)
            writer.writerow([progress.epoch, *("" if v is None else f"{v:.6g}" for v in values), progress.note])

    def _rows(self) -> list[list[str]]:
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))[1:]


class TensorBoardLog:
    """Scalars for `tensorboard --logdir`; epochs that are repeated after a restart replace those before."""

    def __init__(self, directory: Path) -> None:
        self._summary = _require("torch.utils.tensorboard", "tensorboard", "tensorboard")
        self._directory = directory
        self._writer: Any = None

    def __call__(self, progress: EpochProgress) -> None:
        """Write the epoch's scalars."""
        if self._writer is None:
            self._writer = self._summary.SummaryWriter(str(self._directory), purge_step=progress.epoch)
        for name, value in _metrics(progress).items():
            if value is not None:
                self._writer.add_scalar(name, value, progress.epoch)
        self._writer.flush()


class MlflowLog:
    """Metrics of a run in MLflow, where its own settings say; a training that goes on continues its run."""

    def __init__(self, directory: Path, name: str) -> None:
        self._mlflow = _require("mlflow", "mlflow", "mlflow")
        place = directory / "mlflow_run.txt"
        known = place.read_text() if place.exists() else None
        try:
            run = self._mlflow.start_run(run_id=known, run_name=None if known else name)
            self._mlflow.end_run()  # what is logged by number needs no run that is open in this process
        except self._mlflow.MlflowException as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise RequestError(
                f"MLflow does not take the run: {reason}. Set MLFLOW_TRACKING_URI, or leave --log mlflow out."
            ) from error
        self._run: str = run.info.run_id
        place.write_text(self._run)

    def __call__(self, progress: EpochProgress) -> None:
        """Send the epoch's metrics."""
        values = {name: value for name, value in _metrics(progress).items() if value is not None}
        self._mlflow.log_metrics(values, step=progress.epoch, run_id=self._run)


def open_logs(names: Sequence[str], directory: Path) -> list[Log]:
    """The CSV file log.csv in a run directory, and the further logs that were asked for."""
    logs: list[Log] = [CsvLog(directory / "log.csv")]
    for name in names:
        match name:
            case "csv":
                pass
            case "tensorboard":
                logs.append(TensorBoardLog(directory / "tensorboard"))
            case "mlflow":
                logs.append(MlflowLog(directory, directory.name))
            case _:
                raise RequestError(f"A training is logged to csv, tensorboard or mlflow: got '{name}'.")
    return logs


def _metrics(progress: EpochProgress) -> dict[str, float | None]:
    values = (progress.loss, progress.score, progress.learning_rate, progress.rate, progress.seconds)
    return dict(zip(COLUMNS[1:-1], values, strict=True))


def _require(module: str, option: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise RequestError(
            f"--log {option} needs the package {package}, which is not installed. Install it: pip install {package}."
        ) from error
