"""What arms gave: a line of JSON each, so that nothing is run twice."""

import json
from pathlib import Path

from anmok.claims.claim import Claim, Finding, Record, Rows
from anmok.errors import RequestError

RECORDED = Path(__file__).with_name("recorded.jsonl")
"""The records that ship with the package."""


class Records:
    """Finished arms in a file, and beside it the weights of those that teach; a line cut short by a kill is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            path.write_text(whole)
        self._rows = [_read(line, path) for line in whole.splitlines()]

    def find(self, key: Record) -> Record | None:
        """What an arm gave, where it was finished; the last time where it was repeated."""
        return next((row for row in reversed(self._rows) if key.items() <= row.items()), None)

    def append(self, row: Record) -> None:
        """Remember an arm."""
        self._rows.append(row)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def weights(self, key: Record) -> Path:
        """Where the weights of a teacher lie."""
        name = "-".join(str(value) for value in key.values()).replace("/", "-")
        return self._path.with_suffix(".weights") / name

    def finding(self, claim: Claim) -> Finding | None:
        """What came of a claim the last time: the replicates with all arms; None where there are too few."""
        own = [row for row in self._rows if (row.get("claim"), row.get("version")) == (claim.name, claim.version)]
        if not own:
            return None
        last = own[-1]
        replicates: dict[str, Rows] = {}
        for row in own:
            if (row["data"], row["scale"]) == (last["data"], last["scale"]):
                replicates.setdefault(str(row["replicate"]), {})[str(row["arm"])] = row
        named = {arm for contrast in claim.contrasts for arm in (*contrast.plus, *contrast.minus)}
        whole = {name: rows for name, rows in replicates.items() if named <= rows.keys()}
        if len(whole) < (1 if claim.exact else 2):
            return None
        return Finding(claim=claim, replicates=whole, data=str(last["data"]), scale=float(last["scale"]))


def _read(line: str, path: Path) -> Record:
    try:
        row: Record = json.loads(line)
    except json.JSONDecodeError as error:
        raise RequestError(
            f"Records are lines of JSON: '{path}' holds others. Name another file with --records."
        ) from error
    return row
