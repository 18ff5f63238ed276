"""The matrix as a picture."""

import numpy as np

from anmok.report.heatmap import heat_map
from anmok.report.svg import Canvas

CLASSES = ("cat", "dog", "eel")
MATRIX = np.array([[1, 2, 1], [1, 3, 0], [0, 0, 0]])


def test_heat_map_has_a_cell_for_each_pair_and_marks_errors() -> None:
    drawing = heat_map(MATRIX, CLASSES, Canvas("confusion", 400, 0))
    assert drawing.count('class="track"') == 9
    assert drawing.count('class="wrong"') == 3
    assert drawing.count('class="right"') == 2
    assert "cat answered as dog: 2 of 4 (50.0%)" in drawing


def test_heat_map_shortens_long_names_but_keeps_them_in_the_tooltip() -> None:
    classes = ("a" * 39 + "z", "b")
    drawing = heat_map(np.array([[1, 1], [0, 2]]), classes, Canvas("confusion", 400, 0))
    assert ">aaaaaaaa…aaaaaaz<" in drawing
    assert f"{'a' * 39}z answered as b: 1 of 2" in drawing
