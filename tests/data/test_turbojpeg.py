import ctypes
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from jpegs import jpeg_of

from anmok.data import turbojpeg


@pytest.fixture
def searched_anew() -> Iterator[None]:
    turbojpeg._library.cache_clear()
    yield
    turbojpeg._library.cache_clear()


def installed() -> turbojpeg.TurboJpeg:
    found = turbojpeg.decoder()
    if found is None:
        pytest.skip("libjpeg-turbo 3 is not installed")
    return found


def test_each_thread_has_a_decoder_of_its_own() -> None:
    mine, others = installed(), []
    thread = threading.Thread(target=lambda: others.append(turbojpeg.decoder()))
    thread.start()
    thread.join()
    assert turbojpeg.decoder() is mine
    assert others[0] is not mine


def test_what_the_library_objects_to_gives_none() -> None:
    decoder, data = installed(), jpeg_of(width=200, height=200)
    assert decoder.region(b"no image", 0, 0, (8, 8), 1) is None
    assert decoder.region(data[:-200], 0, 0, (200, 200), 1) is None
    assert decoder.region(data, 0, 0, (200, 200), 3) is None  # no such scale
    assert decoder.region(data, 0, 0, (200, 200), 1) is not None


def test_a_library_that_is_missing_broken_or_too_old_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, searched_anew: None
) -> None:
    (tmp_path / "libturbojpeg.so").write_text("not a library")
    old = ctypes.CDLL(None)._name  # without any of the functions
    monkeypatch.setattr(turbojpeg, "_candidates", lambda: iter([str(tmp_path / "libturbojpeg.so"), old]))
    assert turbojpeg.decoder() is None


def test_only_libraries_are_candidates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, searched_anew: None) -> None:
    (tmp_path / "lib").mkdir()
    for name in (
        "libturbojpeg.so.0.4.0",
        "libturbojpeg.a",
        "turbojpeg.h",
        "libturbojpeg.dylib",
        "turbojpeg.cpython-311.so",
    ):
        (tmp_path / "lib" / name).touch()
    monkeypatch.setattr(turbojpeg, "_PREFIXES", (str(tmp_path),))
    monkeypatch.setattr(turbojpeg, "find_library", lambda name: None)
    monkeypatch.setattr(turbojpeg, "files", lambda name: None)
    names = [Path(path).name for path in turbojpeg._candidates()]
    assert names == ["libturbojpeg.dylib", "libturbojpeg.so.0.4.0"]
