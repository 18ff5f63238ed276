"""The zoo's cards, with what can be counted without training."""

from dataclasses import replace

import torch

from anmok.catalogue import Card, card, list_models, require_model
from anmok.evaluation.cost import count_macs


def list_cards(filter: str = "*", *, licence: str | None = None) -> list[Card]:
    """The cards of all models that match; with `licence`, of those with public weights under it, and these alone."""
    cards = [card(name) for name in list_models(filter)]
    if licence is None:
        return cards
    licensed = [replace(c, weights=tuple(w for w in c.weights if w.is_licensed(licence))) for c in cards]
    return [card for card in licensed if card.weights]


def read_card(name: str) -> tuple[Card, int]:
    """A model's card and its MACs at its native size."""
    preset = require_model(name)
    with torch.device("meta"):
        network = preset.architecture.model(preset.spec)
    return card(name), count_macs(network, *preset.spec.img_size, in_chans=network.in_chans)
