"""Results as one page."""

from anmok.report.page import write_report

__all__ = ["write_report"]
