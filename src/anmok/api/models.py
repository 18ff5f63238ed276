"""The zoo's cards, with what can be counted without training."""

from dataclasses import replace

import torch

from anmok.backbone import Task
from anmok.catalogue import Card, card, list_models, require_model, split_tag
from anmok.evaluation.cost import count_macs


def list_cards(filter: str = "*", *, task: Task = Task.CLASSIFICATION, licence: str | None = None) -> list[Card]:
    """The cards of all models for a task that match; with `licence`, of those with public weights under it alone."""
    cards = [card(name) for name in list_models(filter, task=task)]
    if licence is None:
        return cards
    licensed = [replace(c, weights=tuple(w for w in c.weights if w.is_licensed(licence))) for c in cards]
    return [card for card in licensed if card.weights]


def read_card(name: str) -> tuple[Card, int | None]:
    """A model's card and, of one that reads images, its MACs at its native size."""
    described = card(name)
    if described.image_size is None:
        return described, None
    preset = require_model(split_tag(name)[0])
    with torch.device("meta"):
        network = preset.architecture.model(preset.spec)
    return described, count_macs(network, *preset.spec.img_size, in_chans=network.in_chans)
