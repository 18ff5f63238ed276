import csv
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from anmok.errors import RequestError
from anmok.training.job import EpochProgress
from anmok.training.logs import COLUMNS, CsvLog, MlflowLog, TensorBoardLog, open_logs


def epoch(number: int, **changes: object) -> EpochProgress:
    settings = {"epochs": 9, "rate": 100.0, "loss": 1 / number, "learning_rate": 1e-3, "seconds": 2.0}
    return EpochProgress(epoch=number, **(settings | changes))


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_the_csv_has_one_row_an_epoch_whatever_is_repeated(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    for number in (1, 2, 3):
        log(epoch(number, note="out of memory: parts of 4, or less"))
    again = CsvLog(tmp_path / "log.csv")  # killed; the checkpoint was of the first epoch
    again(epoch(2, score=0.5))
    found = rows(tmp_path / "log.csv")
    assert found[0] == list(COLUMNS)
    assert [row[0] for row in found[1:]] == ["1", "2"]
    assert found[1] == ["1", "1", "", "0.001", "100", "2", "out of memory: parts of 4, or less"]
    assert found[2][2] == "0.5"


def test_tensorboard_replaces_repeated_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []

    class Writer:
        def __init__(self, directory: str, purge_step: int) -> None:
            calls.append((directory, purge_step))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            calls.append((name, value, step))

        def flush(self) -> None: ...

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    TensorBoardLog(tmp_path)(epoch(4))
    assert calls[:2] == [(str(tmp_path), 4), ("loss", 0.25, 4)]
    assert [call[0] for call in calls[2:]] == ["learning_rate", "rate", "seconds"]


def test_mlflow_goes_on_with_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str | None, str | None]] = []
    logged: list[tuple[int, float]] = []

    def start_run(run_id: str | None, run_name: str | None) -> SimpleNamespace:
        started.append((run_id, run_name))
        if run_name == "nowhere":
            raise ValueError("No such server.\nSee the documentation.")
        return SimpleNamespace(info=SimpleNamespace(run_id="abc"))

    mlflow = SimpleNamespace(start_run=start_run, end_run=lambda: None, MlflowException=ValueError)
    mlflow.log_metrics = lambda values, step, run_id: logged.append((step, values["loss"]))
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    log = MlflowLog(tmp_path, "photos")
    log(epoch(1))
    log(epoch(2))
    MlflowLog(tmp_path, "photos")(epoch(3))
    assert started == [(None, "photos"), ("abc", None)]
    assert logged == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    (tmp_path / "mlflow_run.txt").unlink()
    with pytest.raises(RequestError, match=r"^MLflow does not take the run: No such server\. Set MLFLOW_TRACKING_URI,"):
        MlflowLog(tmp_path, "nowhere")


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_log_whose_package_is_missing_says_how_to_get_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("torch.utils.tensorboard", "mlflow"):
        monkeypatch.setitem(sys.modules, module, None)
    message = rf"^--log {name} needs the package {name}, which is not installed\. Install it: pip install {name}\.$"
    with pytest.raises(RequestError, match=message):
        open_logs([name], tmp_path)


def test_an_unknown_log_is_refused(tmp_path: Path) -> None:
    assert open_logs(["csv"], tmp_path) == [CsvLog(tmp_path / "log.csv")]
    with pytest.raises(RequestError, match=r"^A training is logged to csv, tensorboard or mlflow: got 'wandb'\.$"):
        open_logs(["wandb"], tmp_path)
