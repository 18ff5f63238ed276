"""Work on many images at once, in their order."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias, TypeVar

from anmok.data.machine import processor_count

Item = TypeVar("Item")
Result = TypeVar("Result")

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many are done, and of how many."""

_BLOCK = 64  # items in flight: bounds the memory that finished results hold


def map_in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], *, progress: Progress | None
) -> Iterator[Result]:
    """Yield `function(item)` in the order of the items.

    Threads are enough: Pillow decodes and resizes without holding the interpreter's lock.
    """
    with ThreadPoolExecutor(processor_count()) as pool:
        for start in range(0, len(items), _BLOCK):
            block = items[start : start + _BLOCK]
            yield from pool.map(function, block)
            if progress is not None:
                progress(start + len(block), len(items))
