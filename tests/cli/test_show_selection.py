"""What a selection says in the terminal."""

from pathlib import Path

import pytest

from anmok.api.select import read_selection
from anmok.cli.show import show_selection
from recorded_run import Scene, build_run


def said(capsys: pytest.CaptureFixture[str], run: Path) -> str:
    show_selection(read_selection(run))
    return " ".join(capsys.readouterr().out.split())


def test_another_objective_is_named_wherever_its_numbers_stand(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = build_run(tmp_path / "run", Scene(objective="macro-f1"))
    text = said(capsys, run.root)
    score = run.measurements.rows(metric="test_score")[-1].value
    right = run.measurements.rows(metric="test_accuracy")[-1].value
    for phrase in (
        "macro-F1 %",
        "macro-F1 on the select split, 95 % interval",
        f"answers {100 * right:.1f} % ",
        f"Its macro-F1 on them is {100 * score:.1f} % [",
        "Select minus test, macro-F1: ",
    ):
        assert phrase in text
    assert "accuracy" not in text


def test_accuracy_needs_no_second_number(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = said(capsys, build_run(tmp_path / "run", Scene()).root)
    assert "accuracy %" in text
    assert "on them is" not in text
