"""What all pages have in common: how templates are read, and how a page is written."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from anmok.report import wording
from anmok.selection.run_directory import RunDirectory

_FILTERS = ("percent", "points", "interval", "whole_percent", "count", "whole", "three_digits", "capitalize_first")


def templates() -> Environment:
    """The templates. Names and paths are foreign text: whatever is not markup of ours is escaped."""
    environment = Environment(
        loader=PackageLoader("anmok.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(wording, name) for name in _FILTERS}
    return environment


def write_page(run: RunDirectory, page: str) -> Path:
    """Put a page into its run directory, whole or not at all; where it lies."""
    partial = run.report.with_suffix(".partial")
    partial.write_text(page, encoding="utf-8")
    return partial.replace(run.report)
