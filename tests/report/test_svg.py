"""Markup is well formed and foreign text stays text."""

from xml.etree import ElementTree

from anmok.report import svg

HOSTILE = "</title><script>alert(1)</script> \"'&{0}"


def test_elements_have_the_attributes_asked_for() -> None:
    assert svg.line((0, 1.25), (2, 30), "grid") == '<line x1="0" y1="1.2" x2="2" y2="30" class="grid"/>'
    assert svg.circle((1, 2), 3, "a") == '<circle cx="1" cy="2" r="3" class="a"/>'
    assert svg.polyline([(0, 0), (1.04, 2)], "b") == '<polyline points="0,0 1,2" class="b"/>'
    assert 'transform="rotate(-90 5 6)"' in svg.text((5, 6), "up", "tick", turn=-90)
    assert "transform" not in svg.text((5, 6), "level", "tick")


def test_hostile_text_is_escaped_everywhere() -> None:
    parts = [svg.text((0, 0), HOSTILE, "name"), svg.group([svg.circle((0, 0), 1, "a")], "spot", tooltip=HOSTILE)]
    drawing = svg.drawing(svg.Canvas("x", 10, 20), HOSTILE, HOSTILE, parts)
    assert "<script" not in drawing
    root = ElementTree.fromstring(drawing)
    assert [element.text for element in root.iter("title")] == [HOSTILE, HOSTILE]
    assert root.findtext("desc") == HOSTILE


def test_drawing_is_an_image_with_name_and_description() -> None:
    root = ElementTree.fromstring(svg.drawing(svg.Canvas("x", 10, 20), "Title", "Words.", []))
    assert root.get("role") == "img"
    assert root.get("viewBox") == "0 0 10 20"
    named = {element.get("id"): element.text for element in root}
    assert [named[name] for name in (root.get("aria-labelledby") or "").split()] == ["Title", "Words."]
