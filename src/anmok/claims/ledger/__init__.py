"""The claims, one a file."""

from anmok.claims.claim import Claim
from anmok.claims.ledger import (
    augmentation,
    auxiliary,
    compound_scaling,
    data_growth,
    deformable,
    distillation,
    gating,
    gradient_paths,
    hybrids,
    padding,
    reductions,
    shortcuts,
    skips,
    windows,
)

LEDGER: dict[str, Claim] = {
    claim.name: claim
    for claim in (
        *(shortcuts.CLAIM, gradient_paths.CLAIM, gating.CLAIM, reductions.CLAIM, compound_scaling.CLAIM),
        *(data_growth.CLAIM, augmentation.CLAIM, hybrids.CLAIM, distillation.CLAIM, windows.CLAIM),
        *(skips.CLAIM, padding.CLAIM, deformable.CLAIM, auxiliary.CLAIM),
    )
}
