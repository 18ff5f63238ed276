import json
from dataclasses import replace
from math import isnan, nan

import pytest

from anmok.biases import vision
from anmok.errors import RequestError
from anmok.probes import Status
from anmok.probes.card import BiasCard
from anmok.probes.card_rows import COST, ROWS, CardRow, Cell
from anmok.probes.rows import read_cards, to_rows
from anmok.probes.run import all_probes
from bias_cards import make_card


def test_every_metric_of_a_card_is_one_that_a_probe_or_the_bench_measures():
    known = {metric.name for probe in all_probes() for metric in probe.metrics}
    shown = {cell.metric for cell in (*COST, *(cell for row in ROWS for cell in row.cells))}
    assert shown - known == {metric.name for metric in vision.METRICS}


def test_there_are_ten_rows_and_no_metric_stands_in_two():
    shown = [cell.metric for row in ROWS for cell in row.cells]
    assert len(ROWS) == 10
    assert len(shown) == len(set(shown))


def test_no_two_probes_have_a_metric_or_a_number_in_common():
    probes = all_probes()
    names = [metric.name for probe in probes for metric in probe.metrics]
    assert len(names) == len(set(names))
    assert len({probe.number for probe in probes}) == len(probes)


def test_a_card_survives_json():
    card = make_card("resnet_nano", without=("attention distance",))
    again = BiasCard.from_json(card.to_json())
    assert isnan(again.value("attention distance"))
    assert again.by_metric["attention distance"].status is Status.NOT_APPLICABLE
    assert again.to_json() == card.to_json()
    assert json.loads(card.to_json())["results"][0]["definition"].endswith("version 1")


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"results": [{"value": 1}]}'])
def test_what_is_no_card(text):
    with pytest.raises(RequestError, match=r"^This is not a bias card \(.*Write one with `anmok probe --out`\.$"):
        BiasCard.from_json(text)


def test_a_card_survives_the_table():
    cards = [make_card("resnet_nano"), make_card("vit_nano", "Transformer", without=("sizes taken",))]
    again = read_cards([row for card in cards for row in to_rows(card)])
    assert [card.to_json() for card in again] == [card.to_json() for card in cards]


def test_of_a_metric_that_was_asked_again_the_newest_counts():
    old, new = make_card("resnet_nano"), make_card("resnet_nano", shift=0.1)
    (card,) = read_cards([*to_rows(old), *to_rows(new)])
    assert card.value("latency") == pytest.approx(0.35)


def test_a_reason_for_what_the_profile_does_not_ask():
    card = replace(make_card("resnet_nano"), results=(), profile="fast")
    assert card.reason("aspect loss") == "not asked by the profile fast"
    assert isnan(card.value("aspect loss"))


def test_a_number_is_said_with_its_interval_and_a_share_in_percent():
    result = make_card("resnet_nano").by_metric["sizes taken"]
    assert Cell("", "sizes taken {} %", 0).phrase(result) == "sizes taken 25 % [20, 30]"
    assert Cell("", "pixels^{}").phrase(replace(result, low=None)) == "pixels^0.25"


def test_a_row_places_a_value_on_its_axis_and_names_it():
    row = CardRow("", (Cell("latency", "{}"),), (0.0, 0.5), ("", ""), ((0.1, "small"), (9.0, "large")))
    card = make_card("resnet_nano")
    assert row.share(card, 0.25) == 0.5
    assert (row.share(card, -1.0), row.share(card, 7.0)) == (0.0, 1.0)
    assert row.word(card) == "large"
    assert row.word(make_card("resnet_nano", shift=-0.2)) == "small"
    assert row.word(make_card("resnet_nano", shift=nan)) == ""
    assert row._replace(of_side=True).share(card, 8.0) == 0.5  # a quarter of 32 pixels
