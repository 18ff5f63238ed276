"""One axis, or all three at once."""

from collections.abc import Mapping
from dataclasses import replace

from anmok.claims.claim import Claim, Contrast
from anmok.claims.training import USUAL, Training, lasting, spec_of


def _arms(scale: float) -> Mapping[str, Training]:
    nano = spec_of("efficientnet_nano", 20)
    *rows, last = nano.rows
    base = replace(nano, rows=(*rows, replace(last, stride=1))).scaled(width=0.6)
    specs = {
        "unscaled": base,
        "depth": base.scaled(depth=2.0),
        "width": base.scaled(width=1.5),
        "resolution": base.scaled(resolution=1.4),
        "compound": base.scaled(depth=1.2, width=1.1, resolution=1.15),
    }
    recipe = lasting(USUAL, 15, scale)
    return {
        name: Training(model="efficientnet_nano", spec=spec, recipe=recipe, per_class=100)
        for name, spec in specs.items()
    }


CLAIM = Claim(
    name="compound-scaling",
    hypothesis="Compound scaling beats scaling one axis at equal MACs",
    source="Tan & Le 2019, arXiv:1905.11946, table 7 and sec. 3.3.",
    protocol=(
        "efficientnet_nano, 1,000 images, with 0.6 times the channels and no stride in its last row, so that the last "
        "map of a 20 x 20 image has 5 x 5 places and can grow in small steps. `compound` has the paper's 1.2, 1.1 and "
        "1.15 (phi = 1); the others scale one axis to the count of MACs that is nearest to it, as layers, channels and "
        "pixels come in whole numbers. AdamW, 1e-3, cosine, 32 images a step, 15 epochs, weight decay 0.05, shifts "
        "and mirror images."
    ),
    arms=_arms,
    contrasts=tuple(
        Contrast(text=f"compound - {axis}", plus=("compound",), minus=(axis,), decides=axis != "unscaled")
        for axis in ("depth", "width", "resolution", "unscaled")
    ),
)
