"""`anmok bench`, and the selection that reads what it wrote."""

from pathlib import Path

import pytest
from test_app import picture, run


def test_the_costs_are_shown_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "bench", "mlp_nano", "--out", str(tmp_path / "device.json"))
    assert code == 0
    heading, line, caption, _, last = (" ".join(text.split()) for text in out.splitlines())
    assert heading == "model pixels ms p95 params MACs MiB"
    assert line.startswith("mlp_nano 32 ")
    assert line.endswith(" 1 M 1.2 M 3.9")
    assert caption.startswith("latency of one image on one thread of ")
    assert last == f"costs {tmp_path / 'device.json'}"
    assert (tmp_path / "device.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["bench", "vit_nanno"], "anmok: No model is called 'vit_nanno'. Did you mean 'vit_nano'"),
        (["bench", "mlp_nano", "--runtime", "tvm"], "--runtime"),
        (["select", "photos", "--device", "pi.json"], "anmok: 'pi.json' cannot be read: no such file or directory."),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_no_run(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for i in range(8):
        picture(tmp_path / "photos" / "ab"[i % 2] / f"{i}.png", i)
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
