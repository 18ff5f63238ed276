"""Write the table of probes into docs/understanding.md: question, metrics, units and definitions, from the code.

python tools/make_probes_page.py
"""

from pathlib import Path

from anmok.biases import vision
from anmok.probes import Metric, all_probes

PAGE = Path(__file__).parents[1] / "docs" / "understanding.md"
START, END = "<!-- probes -->", "<!-- end -->"


def main() -> None:
    """Renew the part between the marks."""
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def renewed(page: str) -> str:
    """The page with the table as the code has it now."""
    before, _, rest = page.partition(START)
    return f"{before}{START}\n{table()}\n{END}{rest.partition(END)[2]}"


def table() -> str:
    """Every metric, in the order of the probes."""
    lines = ["| # | profile | question | metric | unit | definition |", "|---:|---|---|---|---|---|"]
    for probe in all_probes():
        for i, metric in enumerate(probe.metrics):
            head = (str(probe.number), probe.profile, probe.question) if i == 0 else ("", "", "")
            lines.append(_row(*head, *_cells(metric)))
    asked = ("", "standard", "How much does such a network learn from few images, and carry over?")
    lines += [_row(*(asked if i == 0 else ("", "", "")), *_cells(m)) for i, m in enumerate(vision.METRICS)]
    return "\n".join(lines)


def _cells(metric: Metric) -> tuple[str, str, str]:
    return metric.name, metric.unit, metric.definition


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    main()
