"""The command says the same as the request."""

import shlex
from pathlib import Path

import pytest

from anmok.report.reproduce import command
from anmok.selection.quantities import parse_count, parse_mebibytes, parse_seconds
from anmok.selection.request import Request


def test_command_says_the_same_as_the_request() -> None:
    request = Request(
        data="my photos/it's here",
        models=("*_nano", "resnet18"),
        max_latency=2.5,
        max_params=25e6,
        max_memory=512.0,
        budget=5400.0,
        epochs=12,
        image_size=64,
        seed=7,
    )
    words = shlex.split(command(request, Path("runs/my photos")))
    assert words[:6] == ["anmok", "select", request.data, "--models", *request.models]
    options = dict(zip(words[6::2], words[7::2], strict=True))
    assert options.pop("--out") == "runs/my photos"
    assert 1000 * parse_seconds(options["--max-latency"], "") == pytest.approx(request.max_latency)
    assert parse_count(options["--max-params"], "") == request.max_params
    assert parse_mebibytes(options["--max-memory"], "") == request.max_memory
    assert parse_seconds(options["--budget"], "") == request.budget
    assert [int(options[f"--{name}"]) for name in ("epochs", "image-size", "seed")] == [12, 64, 7]


def test_command_leaves_out_what_was_not_set_but_always_names_the_seed() -> None:
    text = command(Request(data="photos"), Path("runs/photos"))
    assert text == "anmok select photos --budget 1800s --seed 0 --out runs/photos"


def test_command_names_what_told_the_latencies() -> None:
    text = command(Request(data="photos", device="my pi.json"), Path("run"))
    assert "--device 'my pi.json'" in text
    assert "--runtime onnxruntime" in command(Request(data="photos", runtime="onnxruntime"), Path("run"))
