"""How a search for the factors of compound scaling looks in a terminal."""

from rich.console import Console
from rich.table import Table

from anmok.api.scale_search import ScaleSearch
from anmok.cli.show import show_text
from anmok.selection.quantities import format_count
from anmok.selection.scaling.verdict import Placed, Standing, conclusions

_STYLES = {Standing.BEST: "bold green", Standing.TIED: "green", Standing.FAILED: "red", Standing.UNTRAINED: "dim"}
_CAPTION = "accuracy on the select split, 95 % interval; MACs of one image, times those of the unscaled network"


def show_scaling(result: ScaleSearch) -> None:
    """The triples from best to worst, what follows, and the line of code to go on with."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), caption=_CAPTION, caption_justify="left")
    for heading in ("alpha", "beta", "gamma", "MACs", "pixels", "params", "accuracy %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("standing", "scaling"):
        table.add_column(heading, no_wrap=True)
    for placed in result.verdict.placed:
        table.add_row(*_row(placed), style=_STYLES.get(placed.standing))
    Console(highlight=False).print(table)
    for placed in result.verdict.placed:
        if placed.note:
            show_text(f"{placed.triple.axis}: {placed.note}")
    show_text("")
    for sentence in conclusions(result.verdict):
        show_text(sentence)
    show_text(f"\n{result.code}\nrun  {result.path}")


def _row(placed: Placed) -> tuple[str, ...]:
    triple, row = placed.triple, placed.accuracy
    accuracy = f"{100 * row.value:.1f} [{100 * (row.low or 0):.0f}, {100 * (row.high or 0):.0f}]" if row else ""
    factors = (f"{factor:.2f}" for factor in triple.scaling)
    costs = (f"x {triple.ratio:.2f}", str(triple.image_size), format_count(triple.params))
    return *factors, *costs, accuracy, placed.standing, triple.axis
