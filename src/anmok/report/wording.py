"""Values as the page writes them, with spaces that do not break."""

from anmok.evaluation.measurements import Measurement
from anmok.evaluation.metrics import Proportion
from anmok.selection.curves import Expectation
from anmok.selection.quantities import format_count

_NBSP = "\N{NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"  # stands for no value


def percent(share: float) -> str:
    """A share in [0, 1] with one decimal."""
    return f"{100 * share:.1f}{_NBSP}%"


def whole_percent(share: float) -> str:
    """A share in [0, 1] that is a round number."""
    return f"{100 * share:.0f}{_NBSP}%"


def interval(known: Measurement | Proportion | Expectation) -> str:
    """The interval of a share, in percent."""
    if known.low is None or known.high is None:
        return ""
    return f"[{100 * known.low:.1f},{_NBSP}{100 * known.high:.1f}]"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.1f}{_NBSP}points".replace("-", _MINUS)


def milliseconds(latency: float) -> str:
    """Three digits."""
    return f"{three_digits(latency)}{_NBSP}ms"


def mebibytes(size: float) -> str:
    """Three digits."""
    return f"{three_digits(size)}{_NBSP}MiB"


def count(number: float) -> str:
    """Three digits and a unit."""
    return format_count(number).replace(" ", _NBSP)


def whole(number: float) -> str:
    """Every digit, in groups of three."""
    return f"{number:,.0f}"


def three_digits(value: float) -> str:
    """Three significant digits, never in powers of ten; integers stay whole."""
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{decimals}f}"


def capitalize_first(text: str) -> str:
    """As at the beginning of a sentence, the rest as it is; names such as mIoU keep their form."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def enumerate_names(names: tuple[str, ...]) -> str:
    """Join names as one speaks: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
