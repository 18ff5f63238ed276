from dataclasses import replace

from anmok.report.card_drawing import draw_cards
from anmok.report.card_text import COLUMNS, card_text
from anmok.report.comparison import AXES, comparison_text, incomparable, sentence
from bias_cards import make_card

NEAR, FAR = make_card("resnet_nano"), make_card("vit_nano", "Transformer", shift=0.2)


def test_a_card_fits_a_terminal_and_has_its_ten_rows():
    lines = card_text(make_card("resnet_nano", without=("attention distance", "attention sinks"))).splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert sum(line[:1].isalpha() and line[25:26] != " " for line in lines[2:]) >= 10
    assert "- attention distance, attention sinks: no attention was seen" in lines


def test_cards_side_by_side_fit_a_terminal_and_name_everybody():
    text = comparison_text([NEAR, FAR])
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert "A resnet_nano · CNN" in text
    assert "B vit_nano · Transformer" in text
    assert text.count("\n- ") == len(AXES) == 5


def test_a_dot_stands_where_its_value_lies():
    line = next(line for line in comparison_text([NEAR, FAR]).splitlines() if line.startswith("variable size"))
    axis = line[25 : 25 + 41]
    assert axis.index("A") == 10  # 0.25 of 40 steps
    assert axis.index("B") == 18


def test_who_stands_out_is_said_only_where_the_intervals_do_not_overlap():
    axis = AXES[2]
    assert sentence(axis, [NEAR, FAR]) == (
        "resnet_nano 25 % [20, 30], vit_nano 45 % [40, 50]; vit_nano takes most sizes and resnet_nano takes fewest"
    )
    close = make_card("vit_nano", shift=0.05)
    assert sentence(axis, [NEAR, close]).endswith("; these numbers do not tell them apart")


def test_metrics_of_different_definitions_are_not_compared():
    results = tuple(replace(r, definition=r.definition.replace("1", "2")) for r in FAR.results)
    other = replace(FAR, results=results)
    assert incomparable("sizes taken", [NEAR, FAR]) == ""
    assert incomparable("sizes taken", [NEAR, other]).startswith("not comparable: the cards define it differently")
    assert "not comparable" in comparison_text([NEAR, other])


def test_networks_that_saw_images_of_different_sizes_are_not_compared():
    assert incomparable("latency", [NEAR, replace(FAR, size=(64, 64))]) == (
        "not comparable: the images were of different sizes; give --image-size"
    )


def test_what_nobody_measured_says_why():
    cards = [make_card(name, without=("ALC",)) for name in ("a", "b")]
    assert incomparable("ALC", cards) == "not measured: no attention was seen"


def test_the_picture_has_a_dot_for_every_row_and_card_and_tells_its_number():
    picture = draw_cards([NEAR, FAR])
    assert picture.startswith("<svg ")
    assert 'xmlns="http://www.w3.org/2000/svg"' in picture
    assert picture.count("<circle") == 2 * 10 + 2  # and the legend
    assert "vit_nano: sizes taken 45 % [40, 50]" in picture


def test_a_foreign_name_is_text():
    assert "<script>" not in draw_cards([make_card("<script>")])
