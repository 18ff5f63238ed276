"""The bias card of whatever a user calls a network, and cards side by side."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import anmok
from anmok.api.probe import write_card, write_picture
from anmok.errors import RequestError, UnknownNameError
from anmok.probes import Status
from anmok.probes.card_rows import ROWS
from bias_cards import make_card
from small_backbones import fingerprint


class Odd(nn.Module):
    """One channel, pairs for an answer, and one size alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.linear = nn.Linear(4 * 30 * 30, 5)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, str]:
        return self.linear(self.conv(x).flatten(1)), "no tensor"


@pytest.fixture(scope="module")
def card():
    return anmok.probe("resnet_nano", image_size=32)


def test_a_network_of_the_zoo_has_a_card_with_a_number_in_every_row_that_needs_no_training(card):
    assert (card.name, card.kind, card.trained, card.source) == ("resnet_nano", "CNN", "no", "pink noise")
    measured = {row.title for row in ROWS if card.value(row.drawn.metric) == card.value(row.drawn.metric)}
    assert measured == {"locality", "long range", "translation", "order and position", "variable size", "optimisation"}
    assert card.by_metric["size agreement"].note == "the weights are random, and so are the answers"


def test_any_module_has_a_card_and_is_left_as_it_was():
    torch.manual_seed(0)
    network = Odd().train()
    before = fingerprint(network)
    card = anmok.probe(network, image_size=32)
    assert fingerprint(network) == before
    assert card.value("sizes taken") == 0.0
    assert all(r.note for r in card.results if r.status is not Status.OK)
    assert card.value("params") == sum(p.numel() for p in network.parameters())


def test_a_folder_of_images_is_looked_at(photos: Path):
    card = anmok.probe("mlp_nano", photos, image_size=16)
    assert card.source == "photos"
    assert card.size == (16, 16)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "resnt_nano"}, UnknownNameError, r"^No model is called 'resnt_nano'"),
        (
            {"model": "resnet_nano", "profile": "slow"},
            RequestError,
            r"^--profile takes fast, standard, full: got 'slow'",
        ),
    ],
)
def test_what_cannot_be_probed(arguments, error, message):
    with pytest.raises(error, match=message):
        anmok.probe(**arguments)


def test_a_card_is_written_as_the_ending_says(tmp_path: Path):
    card = make_card("resnet_nano")
    for ending, start in ((".json", "{"), (".svg", "<svg "), (".txt", "resnet_nano")):
        write_card(card, tmp_path / f"card{ending}")
        assert (tmp_path / f"card{ending}").read_text().startswith(start)
    with pytest.raises(RequestError, match=r"^A bias card is written as .json, .svg, .txt: got '.*card.png'"):
        write_card(card, tmp_path / "card.png")
    with pytest.raises(RequestError, match=r"^Cards side by side are drawn into an .svg file: got 'cards.json'"):
        write_picture([card], Path("cards.json"))
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match=r"cannot be written: .*\. Choose another --out"):
        write_card(card, tmp_path / "file" / "card.txt")


def test_cards_are_compared_as_they_are_and_from_files(tmp_path: Path):
    cards = [make_card("resnet_nano"), make_card("vit_nano", "Transformer", shift=0.2)]
    write_card(cards[1], tmp_path / "vit.json")
    found = anmok.compare([cards[0], tmp_path / "vit.json"])
    assert [card.to_json() for card in found] == [card.to_json() for card in cards]


def test_a_network_is_shown_the_size_of_the_first(card):
    small = replace(card, size=(16, 16))
    assert anmok.compare([small, "mlp_nano"], profile="fast")[1].size == (16, 16)


@pytest.mark.parametrize("models", [["resnet_nano"], ["resnet_nano"] * 7])
def test_too_few_or_too_many(models):
    with pytest.raises(RequestError, match=rf"^A comparison takes 2 to 6 networks: got {len(models)}\.$"):
        anmok.compare(models)


def test_a_file_that_is_no_card(tmp_path: Path):
    with pytest.raises(RequestError, match=r"none.json' cannot be read: No such file or directory. Write it with"):
        anmok.compare(["resnet_nano", tmp_path / "none.json"])
