"""From the measurement on one device to the selection on another."""

from pathlib import Path

import pytest

import anmok
from anmok.errors import RequestError, RunDirectoryError
from anmok.evaluation.device_costs import DeviceCosts, Runtime
from anmok.evaluation.device_file import read_device_costs, write_device_costs
from anmok.selection.evidence import read_costs
from anmok.selection.run_directory import RunDirectory
from device_costs import PI, row

OPTIONS = {"models": ("mlp_nano", "resnet_nano"), "epochs": 2, "budget": "10m", "max_latency": "20ms"}


def pi(path: Path, **latencies: float) -> Path:
    rows = (row(model, latency_ms=ms, latency_p95_ms=2 * ms, memory_mib=7.5) for model, ms in latencies.items())
    write_device_costs(DeviceCosts(PI, tuple(rows)), path)
    return path


def test_rows_are_added_to_the_file_of_the_same_device(tmp_path: Path) -> None:
    file = tmp_path / "device.json"
    first = anmok.bench("mlp_nano", out=file)
    (one,) = first.rows
    assert (one.model, one.image_size, one.num_classes, one.params) == ("mlp_nano", 32, 10, 1_000_490)
    assert 0 < one.latency_ms <= one.latency_p95_ms
    both = anmok.bench(["mlp_nano"], image_size=24, num_classes=3, out=file)
    assert both.rows[0] == one
    assert both.frame["image_size"].to_list() == [32, 24]
    assert read_device_costs(file) == both
    with pytest.raises(
        RequestError, match=r"device\.json' is of another device: runtime torch instead of onnxruntime\."
    ):
        anmok.bench("mlp_nano", runtime="onnxruntime", out=file)
    assert read_device_costs(file) == both


def test_without_a_file_the_rows_are_all_there_is() -> None:
    costs = anmok.bench("mlp_nano", runtime="onnxruntime")
    assert [r.model for r in costs.rows] == ["mlp_nano"]
    assert costs.device.runtime is Runtime.ONNXRUNTIME


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 8}, r"^--image-size must lie between 16 and 1024 pixels: got 8\.$"),
        ({"num_classes": 1}, r"^--num-classes must be at least 2: got 1\.$"),
        ({"threads": 0}, r"^--threads must lie between 1 and the processors here, \d+: got 0\.$"),
        ({"runtime": "tvm"}, r"^--runtime takes torch or onnxruntime: got 'tvm'\.$"),
        (
            {"models": "alexnet", "image_size": 16},
            r"^This network takes heights and widths that are from 63 pixels: got 16 x 16\.",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(options: dict[str, object], message: str) -> None:
    with pytest.raises(anmok.AnmokError, match=message):
        anmok.bench(**{"models": "mlp_nano", **options})


def test_a_selection_goes_by_the_costs_of_the_device(photos: Path, tmp_path: Path) -> None:
    file, run = tmp_path / "pi.json", tmp_path / "run"
    with pytest.raises(
        RequestError, match=r"pi\.json' lacks resnet_nano at 32 x 32 pixels\. On that device run `anmok"
    ):
        anmok.select(photos, **OPTIONS, device=pi(file, mlp_nano=50.0), out=run)
    with pytest.raises(
        RequestError, match=r"^No model meets --max-latency on Raspberry Pi 5\. Nearest: mlp_nano \(lat"
    ):
        anmok.select(photos, **OPTIONS, device=pi(file, mlp_nano=50.0, resnet_nano=90.0), out=run)
    costs = read_costs(RunDirectory(run).measurements)
    assert (costs["resnet_nano"].latency, costs["resnet_nano"].memory) == (90.0, 7.5)
    assert costs["resnet_nano"].latency_on == "one thread of Raspberry Pi 5 through onnxruntime"
    with pytest.raises(RunDirectoryError, match=r"pi\.json' has changed since this run took the latency of mlp_nano"):
        anmok.select(photos, **OPTIONS, device=pi(file, mlp_nano=10.0, resnet_nano=90.0), out=run)


def test_exported_models_are_measured_where_that_is_asked_for(photos: Path, tmp_path: Path) -> None:
    options = OPTIONS | {"models": ("mlp_nano",), "max_params": "1k", "runtime": "onnxruntime"}
    with pytest.raises(RequestError, match=r"^No model meets .* on this machine\."):
        anmok.select(photos, **options, out=tmp_path / "run")
    (latency,) = RunDirectory(tmp_path / "run").measurements.rows(metric="latency")
    assert latency.conditions["runtime"] == "onnxruntime"
    assert "machine" not in latency.conditions


def test_a_device_and_a_runtime_contradict_each_other(photos: Path, tmp_path: Path) -> None:
    message = r"^--device says what ran the models there: got --runtime onnxruntime too\. Give one\.$"
    with pytest.raises(RequestError, match=message):
        anmok.select(photos, **OPTIONS, device=pi(tmp_path / "pi.json"), runtime="onnxruntime", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
