import pytest

from anmok.errors import RequestError
from anmok.selection.quantities import (
    format_count,
    format_seconds,
    parse_count,
    parse_mebibytes,
    parse_seconds,
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("20ms", 0.02), ("30m", 1800), ("1.5h", 5400), (" 90 s ", 90), ("2d", 172800)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_seconds(text, "--budget") == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "count"), [("25M", 25e6), ("300k", 3e5), ("1000", 1000), ("1.1G", 1.1e9)])
def test_counts(text: str, count: float) -> None:
    assert parse_count(text, "--max-params") == pytest.approx(count)


@pytest.mark.parametrize(("text", "mebibytes"), [("512MiB", 512), ("2GiB", 2048), ("1.048576MB", 1.0)])
def test_sizes(text: str, mebibytes: float) -> None:
    assert parse_mebibytes(text, "--max-memory") == pytest.approx(mebibytes)


@pytest.mark.parametrize("text", ["", "m", "10", "10 years", "-3m", "1,5h", "0m"])
def test_what_is_no_duration_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(RequestError, match=r"^--budget takes a number and ms, s, m, h or d, such as 30m: got '.*'\.$"):
        parse_seconds(text, "--budget")


def test_quantities_for_people() -> None:
    assert [format_seconds(s) for s in (3.2, 60, 250, 7260)] == ["3 s", "1 m", "4 m 10 s", "2 h 1 m"]
    assert [format_count(c) for c in (12, 4_200, 1_020_000, 15.43e9)] == ["12", "4.2 k", "1.02 M", "15.4 G"]
