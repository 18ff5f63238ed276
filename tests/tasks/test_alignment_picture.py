import re
from xml.etree import ElementTree

import torch

from anmok.tasks.alignment_picture import draw_alignment

WEIGHTS = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])


def test_each_cell_is_as_dark_as_its_weight() -> None:
    drawing = draw_alignment(WEIGHTS, ["Ein", " Hund", "<end>"], [" a", " dog"])
    root = ElementTree.fromstring(drawing)
    cells = root.findall("{http://www.w3.org/2000/svg}rect")
    shades = [float(cell.get("fill-opacity")) for cell in cells]
    assert shades == [0.71, 0.23, 0.14, 0.04, 0.52, 0.52]
    assert cells[0].get("x") == cells[3].get("x")
    assert cells[0].get("y") == cells[2].get("y") != cells[3].get("y")
    words = [text.text for text in root.findall("{http://www.w3.org/2000/svg}text")]
    assert words == ["Ein", " Hund", "<end>", " a", " dog"]


def test_nothing_foreign_gets_into_the_markup() -> None:
    drawing = draw_alignment(WEIGHTS[:1, :1], ['<script>"&'], ["</svg>"])
    assert not re.search("<script|</svg>.*</svg>", drawing)
    ElementTree.fromstring(drawing)
