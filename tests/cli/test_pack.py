"""`anmok pack`, and the verbs that read what it wrote."""

from pathlib import Path

import pytest
from test_app import picture, run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for i in range(24):
        picture(tmp_path / "photos" / ("train" if i < 16 else "test") / "ab"[i % 2] / f"{i}.png", i)
    return tmp_path / "photos"


def test_a_folder_becomes_shards_that_audit_alike(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = tmp_path / "shards"
    for _ in range(2):
        code, out, _ = run(capsys, "pack", str(photos), str(shards), "--size", "50KB")
        assert code == 0
        assert " ".join(out.split()) == f"24 images in 5 shards, 0.2 MB: {shards}"
    _, of_folder, _ = run(capsys, "audit", str(photos))
    _, of_shards, _ = run(capsys, "audit", str(shards))
    assert of_shards.replace("shards:", "photos:", 1) == of_folder


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pack", "nowhere", "x"], "No folder, manifest or built-in data set is called 'nowhere'."),
        (["pack", "fashion", "x", "--size", "big"], "--size takes a number and KiB, MiB, GiB, KB, MB or GB"),
        (["pack", "fashion", "file/x"], "The shards in 'file/x' cannot be written: Not a directory."),
        (["audit", "x-{0..1}.tar"], "There is no shard 'x-0.tar'. Check the path."),
        (["audit", "hf://pets"], "A data set of the Hugging Face hub is hf://owner/name"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert err.strip().splitlines()[-1].startswith(f"anmok: {sentence}")
