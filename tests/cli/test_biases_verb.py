"""`anmok biases`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from test_app import run

from anmok.biases.components import COMPONENTS
from anmok.biases.tasks import TASKS

OWN = """
from torch import nn

def make(n, c, out):
    return nn.Linear(c, out)

def make_nothing(n, c, out):
    return None
"""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two components, one task, two steps, one process; and a module of the user's own in the current folder."""
    latch = next(task for task in TASKS if task.name == "latch")
    monkeypatch.setattr("anmok.api.biases.QUICK", (replace(latch, steps=2),))
    two = tuple(c for c in COMPONENTS if c.name in ("fully connected", "convolution"))
    monkeypatch.setattr("anmok.api.biases.COMPONENTS", two)
    monkeypatch.setattr("anmok.api.biases.processor_count", lambda: 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_block.py").write_text(OWN)


@pytest.mark.usefixtures("short")
def test_both_tables_are_shown_in_a_hundred_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = run(capsys, "biases", "--quick", "--module", "own_block:make")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("Structure, untrained")
    assert sum(line.startswith("own_block:make ") for line in lines) == 2
    own = next(line for line in lines if line.startswith("own_block:make "))
    assert own.count("built in") == 3  # each entity by itself; but an adjacency's rows have an order
    assert max(len(line) for line in lines if ", " not in line or "built in" in line) <= 100


@pytest.mark.usefixtures("short")
def test_json_holds_every_definition(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "biases", "--quick", "--json", "--seed", "3")
    found = json.loads(out)
    assert (code, found["seed"]) == (0, 3)
    conv = found["structural"]["convolution"]
    assert (conv[0]["metric"], conv[0]["word"]) == ("space shift", "built in")
    assert all(row["definition"].endswith("version 1") for row in conv + found["trained"]["convolution"])
    missing = next(row for row in found["trained"]["fully connected"] if row["metric"] == "latch long")
    assert missing["value"] is None
    assert missing["note"].endswith("There are weights for 16 entities: got 64")


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("own_block", "anmok: What is the user's own is named module:callable: got 'own_block'. Check the name."),
        ("no_block:make", "anmok: 'no_block:make' needs the module no_block, which is neither installed nor in "),
        ("own_block:mak", "anmok: The module own_block has no callable 'mak'. Check the name 'own_block:mak'."),
        ("own_block:make_nothing", "anmok: 'own_block:make_nothing' must make a torch.nn.Module: got NoneType."),
    ],
)
def test_a_bad_module_is_one_sentence(module: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "biases", "--module", module)
    assert code == 2
    assert err.splitlines()[-1].startswith(sentence)
    assert len(err.splitlines()) == 1
