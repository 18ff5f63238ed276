"""Compound scaling: one number makes a network deeper, wider and finer at once."""

from anmok.backbone import Scaling, Spec
from anmok.catalogue.names import require_model
from anmok.errors import RequestError

UNSCALED = Scaling(depth=1.0, width=1.0, resolution=1.0)


def scale(
    name: str, phi: float, *, alpha: float | None = None, beta: float | None = None, gamma: float | None = None
) -> Spec:
    """A preset with alpha^phi times the depth, beta^phi times the width, gamma^phi times the resolution.

    Tan & Le 2019, arXiv:1905.11946, eq. 3; below 0, `phi` makes the network smaller. MACs grow about
    (alpha * beta^2 * gamma^2)^phi times. What is left out is as the paper of the family found it, else as
    EfficientNet's did: 1.2, 1.1, 1.15. CMT's paper counts MACs as beta^1.5: its width grows as beta^0.75.
    """
    spec = require_model(name).spec
    given = (alpha, beta, gamma)
    chosen = Scaling(*(own if wish is None else wish for wish, own in zip(given, spec.scaling, strict=True)))
    if not all(1 <= factor < 10 for factor in chosen) or not -20 <= phi <= 20:
        raise RequestError(
            "Compound scaling takes alpha, beta and gamma from 1 to 10, and phi from -20 to 20: "
            f"got alpha={chosen.depth}, beta={chosen.width}, gamma={chosen.resolution}, phi={phi}."
        )
    return spec.scaled(depth=chosen.depth**phi, width=chosen.width**phi, resolution=chosen.resolution**phi)
