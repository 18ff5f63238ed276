from pathlib import Path

import pytest

from anmok.errors import RequestError
from anmok.experience import experience_file


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ANMOK_EXPERIENCE", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")


@pytest.mark.parametrize(
    ("platform", "variables", "place"),
    [
        ("linux", {}, "~/.local/share/anmok"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/anmok"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "~/.local/share/anmok"),
        ("darwin", {"XDG_DATA_HOME": "/data"}, "~/Library/Application Support/anmok"),
        ("win32", {}, "~/AppData/Local/anmok"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/anmok"),
    ],
)
def test_the_file_lies_where_the_platform_keeps_data(
    platform: str, variables: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert experience_file() == Path(place).expanduser() / "experience.sqlite"


def test_what_is_named_comes_first_and_then_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANMOK_EXPERIENCE", "~/team.sqlite")
    assert experience_file() == tmp_path / "team.sqlite"
    assert experience_file("other.sqlite") == Path("other.sqlite")
    assert experience_file(tmp_path) == tmp_path / "experience.sqlite"


def test_a_file_of_another_kind_is_refused() -> None:
    message = r"^--experience takes a folder that exists or a \.sqlite file: got 'cat\.jpg'\.$"
    with pytest.raises(RequestError, match=message):
        experience_file("cat.jpg")
