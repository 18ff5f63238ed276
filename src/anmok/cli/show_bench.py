"""How the costs of models on a device look in a terminal."""

from rich.console import Console
from rich.table import Table

from anmok.cli.show import show_text
from anmok.evaluation.device_costs import MACHINE, DeviceCosts, circumstances
from anmok.selection.quantities import format_count

_COLUMNS = ("pixels", "ms", "p95", "params", "MACs", "MiB")


def show_costs(costs: DeviceCosts) -> None:
    """A line for each model and image size, the fastest first."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    for heading in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in sorted(costs.rows, key=lambda row: (row.image_size, row.latency_ms)):
        times = (f"{row.latency_ms:.2f}", f"{row.latency_p95_ms:.2f}")
        counts = (format_count(row.params), format_count(row.macs), f"{row.memory_mib:.1f}")
        table.add_row(row.model, str(row.image_size), *times, *counts)
    Console(highlight=False).print(table)
    on = circumstances({**costs.device.conditions, MACHINE: costs.device.name})
    show_text(f"latency of one image on {on}: median and 95th percentile; peak memory of one image")
