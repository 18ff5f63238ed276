import json
from pathlib import Path
from typing import Any

import pytest

from anmok.errors import RequestError
from anmok.evaluation.device_costs import DeviceCosts
from anmok.evaluation.device_file import read_device_costs, write_device_costs
from device_costs import PI, row

COSTS = DeviceCosts(PI, (row("resnet_nano", latency_ms=1 / 3), row("vit_nano", image_size=64)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_device_costs(COSTS, tmp_path / "new" / "device.json")
    return tmp_path / "new" / "device.json"


def test_costs_come_back_as_they_were(file: Path) -> None:
    assert read_device_costs(file) == COSTS
    assert [path.name for path in file.parent.iterdir()] == ["device.json"]


def test_the_file_says_what_it_is(file: Path) -> None:
    stored = json.loads(file.read_text())
    assert (stored["format"], stored["version"], stored["batch"]) == ("anmok device costs", 1, 1)
    assert stored["device"]["runtime"] == "onnxruntime"


def change(path: Path, **changes: Any) -> None:
    stored = json.loads(path.read_text())
    for name, value in changes.items():
        *parents, last = name.split("__")
        place = stored
        for parent in parents:
            place = place[int(parent) if parent.isdigit() else parent]
        place[last] = value
    path.write_text(json.dumps(stored))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "coco"}, 'its format is not "anmok device costs"'),
        ({"version": 2}, "its version is 2, and this Anmok reads version 1"),
        ({"models": None}, "it has no list of models"),
        ({"models": [3]}, "model of a model is null, and must be a text"),
        ({"models__0__latency_ms": -1}, "latency_ms of resnet_nano is -1, and must be a number of 0 or more"),
        (
            {"models__0__latency_ms": 0},
            "resnet_nano must have a latency above 0 ms, and a p95 of at least that: got 0 ",
        ),
        ({"models__1__latency_p95_ms": 1.5}, "vit_nano must have .* a p95 of at least that: got 2 and 1.5"),
        ({"models__0__memory_mib": float("nan")}, "memory_mib of resnet_nano is NaN, and must be a number"),
        ({"models__1__image_size": 6.5}, "image_size of vit_nano is 6.5, and must be a whole number of 0 or more"),
        ({"models__1__n": True}, "n of vit_nano is true, and must be a whole number"),
        ({"device": "a phone"}, "processor of the device is null, and must be a text"),
        ({"device__runtime": "tvm"}, 'runtime of the device is "tvm", and must be torch or onnxruntime'),
        ({"device__versions": {"torch": 2}}, "versions of the device is .*, and must be a table of texts"),
    ],
)
def test_a_file_that_says_something_else_is_refused(file: Path, changes: dict[str, Any], reason: str) -> None:
    change(file, **changes)
    with pytest.raises(RequestError, match=rf"^'.*device\.json' is not what `anmok bench` writes: {reason}") as error:
        read_device_costs(file)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(". Measure again with this Anmok, or name another file.")


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b"[]", b'"text"'])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "device.json").write_bytes(content)
    with pytest.raises(RequestError, match=r"^'.*device\.json' is not what `anmok bench` writes: .*\. Measure again"):
        read_device_costs(tmp_path / "device.json")


def test_a_file_that_is_not_there_says_how_it_is_made(tmp_path: Path) -> None:
    message = (
        r"^'.*pi\.json' cannot be read: no such file or directory\. On the target device, "
        r"`anmok bench --out pi\.json` writes one\.$"
    )
    with pytest.raises(RequestError, match=message):
        read_device_costs(tmp_path / "pi.json")


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "device.json").mkdir()
    message = r"^'.*device\.json' cannot be written: is a directory\. Choose another --out\.$"
    with pytest.raises(RequestError, match=message):
        write_device_costs(COSTS, tmp_path / "device.json")
