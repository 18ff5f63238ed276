"""What does the field claim about backbones, and does it hold here? Each claim a short experiment with a verdict.

`LEDGER` holds the claims by name; `run_claim` puts one to the test, `Records` remember what arms gave, and
`Records(RECORDED)` are those that ship with the package.
"""

from anmok.claims.claim import Claim, Contrast, Finding, Interval, Verdict
from anmok.claims.ledger import LEDGER
from anmok.claims.material import Material
from anmok.claims.page import write_page
from anmok.claims.records import RECORDED, Records
from anmok.claims.run import run_claim

__all__ = [
    "LEDGER",
    "RECORDED",
    "Claim",
    "Contrast",
    "Finding",
    "Interval",
    "Material",
    "Records",
    "Verdict",
    "run_claim",
    "write_page",
]
