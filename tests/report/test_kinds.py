"""Every kind can be told from the others without colour."""

from xml.etree import ElementTree

from markupsafe import Markup

from anmok.backbone import Kind
from anmok.catalogue import list_models, require_model
from anmok.report.kinds import LOOKS, glyph, marker


def test_every_kind_has_its_own_colour_and_shape() -> None:
    assert set(LOOKS) == {require_model(name).architecture.kind for name in list_models()}
    assert len({look.css for look in LOOKS.values()}) == len({look.corners for look in LOOKS.values()}) == len(LOOKS)


def test_markers_are_centred() -> None:
    for kind in LOOKS:
        root = ElementTree.fromstring(marker(kind, (50, 70), 10, "solid"))
        if root.tag == "circle":
            assert (root.get("cx"), root.get("cy")) == ("50", "70")
            continue
        corners = [tuple(map(float, p.split(","))) for p in (root.get("points") or "").split()]
        assert abs(sum(x for x, _ in corners) / len(corners) - 50) < 0.1
        assert abs(sum(y for _, y in corners) / len(corners) - 70) < 0.1
    assert isinstance(glyph(Kind.CNN), Markup)
    assert 'aria-hidden="true"' in glyph(Kind.CNN)
