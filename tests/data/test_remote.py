import errno
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError

import pytest

from anmok.data import remote
from anmok.errors import DataError
from small_hub import Hub


def test_a_part_is_what_was_asked_for(hub: Hub) -> None:
    hub.files["x.tar"] = bytes(range(100))
    url = f"{hub.address}/x.tar"
    assert remote.look(url) == (100, True)
    assert remote.read_part(url, 10, 5) == bytes(range(10, 15))
    assert remote.read_part(url, 95, 50) == bytes(range(95, 100))
    assert remote.look(f"{hub.address}/y.tar") is None


def test_a_server_that_sends_everything_instead_of_a_part_is_an_error(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PAUSES", ())
    hub.files["x.tar"], hub.in_parts = bytes(100), False
    assert remote.look(f"{hub.address}/x.tar") == (100, False)
    with pytest.raises(
        DataError, match=r"'http.*' cannot be read: the server answers 200 to a request for a part\. Ch"
    ):
        remote.read_part(f"{hub.address}/x.tar", 0, 5)


def test_a_server_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: object, timeout: float) -> None:
        raise HTTPError("", 503, "Service Unavailable", Message(), None)

    monkeypatch.setattr(remote, "urlopen", refuse)
    with pytest.raises(DataError, match=r"^'host:1' does not give 'https://host:1/x\.tar': 503 Service Unavailable\.$"):
        remote.look("https://host:1/x.tar")


def test_a_full_disk_is_told_from_a_bad_network(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(self: remote.Web, url: str, file: Path) -> None:
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(remote.Web, "copy", fill)
    hub.files["x.tar"] = bytes(100)
    with pytest.raises(
        DataError, match=r"'http.*' cannot be read: .*No space left on device\. Free some space for '.*'"
    ):
        remote.download(f"{hub.address}/x.tar", tmp_path / "x.tar")
    assert not list(tmp_path.glob("*x.tar*"))


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ANMOK_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert remote.cache_directory() == Path.home() / ".cache" / "anmok"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert remote.cache_directory() == tmp_path / "anmok"
    monkeypatch.setenv("ANMOK_CACHE", str(tmp_path / "x"))
    assert remote.cache_directory() == tmp_path / "x"
