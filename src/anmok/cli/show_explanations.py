"""How explanations look in a terminal."""

from collections.abc import Sequence

from anmok.api.explain import Explanation
from anmok.cli.show import show_text
from anmok.explain import Deletion


def show_explanations(explanations: Sequence[Explanation]) -> None:
    """One line an image; below it what else was asked for."""
    for e in explanations:
        if e.error:
            show_text(f"{e.path}\t{e.error}")
            continue
        show_text(f"{e.path}\t{e.label}\t{e.probability:.4f}\t{e.overlay}")
        if e.target != e.label:
            show_text(f"  shown is what speaks for {e.target}, which has {e.target_probability:.4f}")
        if e.deletion:
            show_text(f"  {_checked(e.deletion)}")


def _checked(d: Deletion) -> str:
    verdict = "the map beats chance" if d.value < d.low else "the map is no better than chance here"
    return (
        f"deletion: {d.value:.3f}; the same map moved at random {d.moved:.3f} [{d.low:.3f}, {d.high:.3f}], "
        f"{d.n} times; ratio {d.ratio:.2f}: {verdict}"
    )
