"""`anmok compare`."""

from pathlib import Path
from typing import Literal


def compare(
    *models: str,
    data: str | None = None,
    profile: Literal["fast", "standard", "full"] = "standard",
    pretrained: bool = False,
    image_size: int | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Put the bias cards of networks side by side, and answer the five axes with numbers.

    Parameters
    ----------
    models
        Two to six: run directories, names, or cards that `anmok probe --out card.json` wrote.
    data
        Images to look at; noise when not given. With run directories of the same classes, labels count too.
    profile
        fast: seconds; standard: minutes; full: also what needs labels, and data efficiency by short trainings.
    pretrained
        Public weights; random ones when not given.
    image_size
        Side of the images in pixels, for all; what the first model is made for when not given.
    seed
        Of the noise, and of which images are drawn.
    out
        SVG file to draw the cards into.
    """
    from anmok.api.compare import compare as run_comparison
    from anmok.api.probe import write_picture
    from anmok.cli.show import show_text, watching
    from anmok.report.comparison import comparison_text

    with watching() as observer:
        cards = run_comparison(
            models, data, profile=profile, pretrained=pretrained, image_size=image_size, seed=seed, observer=observer
        )
    show_text(comparison_text(cards))
    if out:
        write_picture(cards, out)
        show_text(f"\npicture   {out}")
