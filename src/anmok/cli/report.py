"""`anmok report`."""

from pathlib import Path


def report(run: Path) -> None:
    """Write the report of a run anew, from its measurement table.

    Parameters
    ----------
    run
        Run directory.
    """
    from anmok.api.select import report as write_report
    from anmok.cli.show import show_text

    show_text(str(write_report(run)))
