import time

import pytest

from anmok.data.threads import map_in_threads


def test_results_come_in_order_and_progress_counts_to_the_end() -> None:
    told: list[tuple[int, int]] = []

    def slow_first(number: int) -> int:
        time.sleep(0.01 if number % 100 == 0 else 0)
        return number * number

    results = map_in_threads(slow_first, range(600), progress=lambda done, total: told.append((done, total)))
    assert list(results) == [number * number for number in range(600)]
    assert told == [*((done, 600) for done in range(64, 600, 64)), (600, 600)]


def test_an_error_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda number: 1 // number, [1, 0, 2], progress=None))
