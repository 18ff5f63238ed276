"""Names do not cover one another as long as there is room."""

from hypothesis import given
from hypothesis import strategies as st

from anmok.report.labels import Box, place_labels

AREA = Box(0, 0, 560, 440)


def test_overlap_is_the_common_area() -> None:
    assert Box(0, 0, 4, 4).overlap(Box(2, 1, 9, 9)) == 6.0
    assert Box(0, 0, 1, 1).overlap(Box(1, 0, 2, 1)) == 0.0


def test_a_lonely_name_stands_to_the_right_on_the_line_of_its_point() -> None:
    (label,) = place_labels([(100, 100)], ["vit"], AREA, [])
    assert label.anchor == "start"
    assert label.at == (114.0, 104.0)
    assert not label.distant


def test_a_name_at_the_right_edge_stands_to_the_left() -> None:
    (label,) = place_labels([(555, 100)], ["resnet_nano"], AREA, [])
    assert label.anchor == "end"
    assert label.box.right <= 555


def test_a_name_goes_around_an_obstacle() -> None:
    wall = Box(101, 0, 560, 440)
    (label,) = place_labels([(100, 100)], ["vit"], AREA, [wall])
    assert label.box.overlap(wall) == 0


def test_crowded_names_move_away_with_a_line() -> None:
    points = [(200.0, 200.0)] * 10
    labels = place_labels(points, ["convnext_nano"] * 10, AREA, [])
    assert any(label.distant for label in labels)
    assert _covered(labels) == 0


@given(st.lists(st.tuples(st.floats(30, 530), st.floats(30, 410)), min_size=1, max_size=10))
def test_ten_names_find_room_anywhere(points: list[tuple[float, float]]) -> None:
    labels = place_labels(points, ["resnet_nano"] * len(points), AREA, [])
    assert _covered(labels) == 0


def _covered(labels: list) -> float:
    boxes = [label.box for label in labels]
    return sum(a.overlap(b) for i, a in enumerate(boxes) for b in boxes[:i])
