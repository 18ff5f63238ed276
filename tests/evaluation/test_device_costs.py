from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from anmok.evaluation.device_costs import MACHINE, Device, DeviceCosts, Runtime, circumstances
from anmok.evaluation.environment import name_processor
from device_costs import PI, row


def test_a_device_has_the_name_of_what_answers() -> None:
    assert PI.name == "Raspberry Pi 5"
    assert replace(PI, type="cuda", accelerator="Orin").name == "Orin"


def test_this_machine_says_which_onnxruntime_it_has() -> None:
    plain, exported = (Device.here("cpu", runtime, threads=2) for runtime in Runtime)
    assert plain.versions.keys() < exported.versions.keys() == {*plain.versions, "onnxruntime"}
    assert plain.conditions == {"batch": 1, "threads": 2, "device": "cpu", "runtime": "torch"}


def test_differences_name_both_values() -> None:
    assert PI.differences(PI) == []
    newer = replace(PI, threads=4, versions={"torch": "2.14"})
    assert PI.differences(newer) == ["threads 1 instead of 4", "torch 2.13 instead of 2.14"]


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({}, "one thread"),  # of runs that did not say
        ({"threads": 1, "runtime": "torch"}, "one thread"),
        ({"threads": 4, "runtime": "onnxruntime"}, "4 threads through onnxruntime"),
        (PI.conditions | {MACHINE: PI.name}, "one thread of Raspberry Pi 5 through onnxruntime"),
    ],
)
def test_circumstances_read_as_part_of_a_sentence(conditions: dict[str, str | int], words: str) -> None:
    assert circumstances(conditions) == words


def test_a_new_row_replaces_that_of_the_same_model_and_size() -> None:
    costs = DeviceCosts(PI, (row("a"), row("b")))
    costs = costs.updated([row("a", latency_ms=3.0), row("a", image_size=64)])
    assert [(r.model, r.image_size, r.latency_ms) for r in costs.rows] == [
        ("a", 32, 3.0),
        ("b", 32, 2.0),
        ("a", 64, 2.0),
    ]
    assert costs.find("a", 32) == row("a", latency_ms=3.0)
    assert costs.find("a", 48) is None


def test_the_frame_has_a_row_for_each() -> None:
    frame = DeviceCosts(PI, (row("a"), row("b"))).frame
    assert frame["model"].to_list() == ["a", "b"]
    assert frame.schema["latency_ms"] == pl.Float64
    assert DeviceCosts(PI).frame.height == 0


def test_a_processor_without_a_name_goes_by_its_board(tmp_path: Path) -> None:
    listing, board = tmp_path / "cpuinfo", tmp_path / "model"
    assert name_processor(listing, board)
    listing.write_text("processor\t: 0\nBogoMIPS\t: 108.00\n")
    board.write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    assert name_processor(listing, board) == "Raspberry Pi 5 Model B Rev 1.0"
    listing.write_text("model name\t: AMD EPYC\n")
    assert name_processor(listing, board) == "AMD EPYC"
