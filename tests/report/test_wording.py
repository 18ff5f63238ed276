"""Values as they are written."""

import pytest

from anmok.evaluation.metrics import Proportion
from anmok.report import wording

SHARE = Proportion(value=0.9, low=0.87, high=0.92, n=500)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.percent(0.8826), "88.3\N{NO-BREAK SPACE}%"),
        (wording.whole_percent(0.05), "5\N{NO-BREAK SPACE}%"),
        (wording.interval(SHARE), "[87.0,\N{NO-BREAK SPACE}92.0]"),
        (wording.points(-0.0134), "\N{MINUS SIGN}1.3\N{NO-BREAK SPACE}points"),
        (wording.points(0.02), "+2.0\N{NO-BREAK SPACE}points"),
        (wording.milliseconds(2.314), "2.31\N{NO-BREAK SPACE}ms"),
        (wording.three_digits(0.0123), "0.012"),
        (wording.three_digits(1234.5), "1,234"),
        (wording.count(1.02e6), "1.02\N{NO-BREAK SPACE}M"),
        (wording.enumerate_names(("a",)), "a"),
        (wording.enumerate_names(("a", "b", "c")), "a, b and c"),
    ],
)
def test_wording(written: str, expected: str) -> None:
    assert written == expected
