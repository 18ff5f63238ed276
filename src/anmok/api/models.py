"""The zoo's cards, with what can be counted without training."""

from anmok.catalogue import Card, card, create_model, list_models
from anmok.evaluation.cost import count_macs


def list_cards(pattern: str = "*") -> list[Card]:
    """The cards of all models that match."""
    return [card(name) for name in list_models(pattern)]


def read_card(name: str) -> tuple[Card, int]:
    """A model's card and its MACs at its native size."""
    found = card(name)
    return found, count_macs(create_model(name), *found.image_size)
