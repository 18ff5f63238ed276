"""`anmok probe`."""

from pathlib import Path
from typing import Literal


def probe(  # noqa: PLR0913 - one option a line
    model: str,
    /,
    *,
    data: str | None = None,
    profile: Literal["fast", "standard", "full"] = "fast",
    pretrained: bool = False,
    image_size: int | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Measure what a network is like: its inductive bias, on one card of ten rows.

    Parameters
    ----------
    model
        Run directory, or a name: of the zoo, timm:NAME, hf:ID or module:callable.
    data
        Images to look at; noise when not given. With a run directory of the same classes, labels count too.
    profile
        fast: seconds; standard: minutes; full: also what needs labels.
    pretrained
        Public weights; random ones when not given.
    image_size
        Side of the images in pixels; what the model is made for when not given.
    seed
        Of the noise, and of which images are drawn.
    out
        File to write the card to: .json, .svg or .txt.
    """
    from anmok.api.probe import probe as run_probe
    from anmok.api.probe import write_card
    from anmok.cli.show import show_text, watching
    from anmok.report.card_text import card_text

    with watching() as observer:
        card = run_probe(
            model, data, profile=profile, pretrained=pretrained, image_size=image_size, seed=seed, observer=observer
        )
    show_text(card_text(card))
    if out:
        write_card(card, out)
        show_text(f"\ncard   {out}")
