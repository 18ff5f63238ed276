from dataclasses import replace
from pathlib import Path

import pytest

from anmok.errors import RequestError, RunDirectoryError
from anmok.selection.request import Request

REQUEST = Request(data="photos", models=("resnet*", "vit_nano"), max_latency=20.0, epochs=5, seed=3)


def test_a_request_comes_back_as_it_was(tmp_path: Path) -> None:
    REQUEST.write(tmp_path / "request.toml")
    assert Request.read(tmp_path / "request.toml") == REQUEST


def test_differences_name_the_options_and_both_values() -> None:
    other = replace(REQUEST, max_latency=None, models=("cmt_nano",))
    assert REQUEST.differences(other) == [
        "models resnet*,vit_nano instead of cmt_nano",
        "max-latency 20.0 instead of unset",
    ]
    assert REQUEST.differences(REQUEST) == []


@pytest.mark.parametrize("text", ["not toml [", 'data = "x"', 'data = "x"\nmodels = []\nunknown = 1'])
def test_a_file_that_is_no_request_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "request.toml"
    path.write_text(text)
    with pytest.raises((RunDirectoryError, RequestError)):
        Request.read(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 1}, r"^--epochs must be at least 2: got 1\.$"),
        ({"image_size": 8}, r"^--image-size must lie between 16 and 1024 pixels: got 8\.$"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        replace(REQUEST, **options)
