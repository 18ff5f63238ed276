"""Results as one page."""

from anmok.report.page import write_report
from anmok.report.task_page import is_training, write_task_report

__all__ = ["is_training", "write_report", "write_task_report"]
