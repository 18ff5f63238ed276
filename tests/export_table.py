"""The table of docs/export.md: tests claim what they found of a family, and what has changed is written there."""

import hashlib
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

from anmok.catalogue import require_model
from anmok.data.atomic import written_whole

PATH = Path(__file__).parents[1] / "docs" / "export.md"
COLUMNS = (
    "Family",
    "Preset",
    "torch.compile",
    "torch.export",
    "ONNX, any batch",
    "ONNX, any height and width",
    "Largest difference",
)
UNKNOWN = "?"
BEGINNING = """# What can be exported

Each row was written by the tests that found it (`make compile`), on the smallest preset of the family. A test fails
where a row says other than what it finds, and corrects the row.

- torch.compile: the network is one graph, without a break, and gives the same logits.
- torch.export: a program that takes batches of any size gives the network's logits.
- ONNX: onnxruntime gives the network's logits in batches of other sizes than the exported one and, where height and
  width are left open, at the size that the network is built for, a smaller and a larger one.
- Largest difference: between two logits of those, relative to the largest; at most 1e-4.

`anmok export` writes a graph for the size that the network was trained on, the fastest; for convolutional networks,
`--dynamic-size` leaves height and width open.

"""


def claim(preset: str, found: dict[str, str]) -> None:
    """Fail where the table says other than what was found of a preset, by column, after writing that."""
    family = require_model(preset).family
    beginning = {"Family": family, "Preset": preset}
    new = beginning | found
    key = hashlib.sha256(str(PATH).encode()).hexdigest()[:16]
    with FileLock(Path(tempfile.gettempdir()) / f"anmok-{key}.lock"):
        rows = read_table()
        row = rows.get(family, dict.fromkeys(COLUMNS, UNKNOWN) | beginning)
        if row == row | new:
            return
        rows[family] = row | new
        write_table(rows)
    changes = [f"{name} was '{row[name]}' and is '{value}'" for name, value in new.items() if row[name] != value]
    pytest.fail(
        f"docs/export.md is out of date for {family}: {'; '.join(changes)}. The row has been rewritten: run the test "
        "again, and commit the file if the change is meant."
    )


def read_table() -> dict[str, dict[str, str]]:
    """Rows by family."""
    lines = PATH.read_text().splitlines() if PATH.exists() else []
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in cells[2:] if len(row) == len(COLUMNS)}


def write_table(rows: dict[str, dict[str, str]]) -> None:
    """Sorted by family."""
    table = [COLUMNS, ["---"] * len(COLUMNS), *(rows[family].values() for family in sorted(rows))]
    with written_whole(PATH) as place:
        place.write_text(BEGINNING + "".join(f"| {' | '.join(cells)} |\n" for cells in table))
