from collections.abc import Callable

from anmok.evaluation.measurements import Measurement
from anmok.probes.rows import to_rows
from anmok.report.facts import read_facts
from anmok.report.finalists import read_finalists
from anmok.report.page import render
from anmok.selection.finalists import CUE
from anmok.selection.run_directory import RunDirectory
from bias_cards import make_card
from recorded_run import Scene


def with_cards(run: RunDirectory) -> RunDirectory:
    cards = [make_card("cmt_nano", "hybrid", shift=0.1), make_card("resnet_nano", without=("kept in grey",))]
    cues = {"texture": 0.6, "layout": 0.4, "colour": 0.3, "chance": 0.1, "placement": 0.05}
    rows = [Measurement(subject="data", metric=CUE + name, value=v, low=v, high=v, n=640) for name, v in cues.items()]
    run.measurements.append([*rows, *(row for card in cards for row in to_rows(card))])
    return run


def test_a_run_without_cards_has_no_such_section(run: RunDirectory):
    facts = read_facts(run)
    assert read_finalists(facts) is None
    assert 'id="finalists"' not in render(facts)


def test_what_the_data_asks_for_stands_beside_what_each_finalist_has(build: Callable[[Scene], RunDirectory]):
    facts = read_facts(with_cards(build(Scene())))
    found = read_finalists(facts)
    assert [card.name for card in found.cards] == [
        c.model for c in facts.decision.candidates if c.model in ("cmt_nano", "resnet_nano")
    ]
    needs = {need.topic: need for need in found.needs}
    assert list(needs) == ["Texture", "Layout", "Colour", "Placement", "Few images", "Speed"]
    assert needs["Texture"].data.replace("\xa0", " ").startswith("60.0 % [60.0, 60.0] of the images")
    order = [card.name for card in found.cards]
    assert needs["Texture"].models[order.index("cmt_nano")] == "35 % [30, 40]"
    assert "no attention was seen" in needs["Colour"].models[order.index("resnet_nano")]
    assert "the detail's centre wanders by 5.0\xa0% of the side" in needs["Placement"].data
    assert needs["Few images"].data == "640 images to train on, 64 a class"
    assert needs["Few images"].question.endswith("that it reaches on 12.5\xa0% of them")
    assert all(0 < float(share.removesuffix("\xa0%")) < 110 for share in needs["Few images"].models)
    assert needs["Speed"].models[order.index("resnet_nano")].startswith("0.92")


def test_the_page_shows_table_picture_and_whole_cards(build: Callable[[Scene], RunDirectory]):
    page = render(read_facts(with_cards(build(Scene()))))
    assert 'id="finalists"' in page
    assert "answers kept when 4 x 4 tiles are shuffled" in page
    assert "Bias cards of" in page
    assert page.count("<pre>resnet_nano · CNN") == 1


def test_foreign_names_in_cards_are_text(build: Callable[[Scene], RunDirectory]):
    run = build(Scene())
    card = make_card("resnet_nano")
    rows = [row for row in to_rows(card) if row.metric != "probe: latency"]
    run.measurements.append([*rows, Measurement(
        subject="resnet_nano", metric="probe: latency", value=float("nan"), n=0, seed=0, note="<script>x</script>",
        conditions={**rows[0].conditions, "status": "failed"},
    )])  # fmt: skip
    assert "<script>x" not in render(read_facts(run))
