"""How the zoo looks in a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from anmok.catalogue import Card, PublicWeights, Result
from anmok.cli.show import show_text
from anmok.selection.quantities import format_count

_console = Console(highlight=False)


def show_models(cards: Sequence[Card]) -> None:
    """One line a model; of its public weights, the default's licence and how many more there are."""
    headings = ("model", "kind", "params", "published top-1 %", "weights", "paper")
    table = Table(*headings, box=box.SIMPLE, pad_edge=False)
    for card in cards:
        top1 = f"{card.results[0].top1:.1f}" if card.results else "ours" if card.ours else "-"
        more = f" +{len(card.weights) - 1}" if len(card.weights) > 1 else ""
        weights = f"{card.weights[0].licence}{more}" if card.weights else "-"
        table.add_row(
            card.name, card.kind, format_count(card.params), top1, weights, f"{card.paper.authors} {card.paper.year}"
        )
    _console.print(table)


def show_card(card_and_macs: tuple[Card, int | None]) -> None:
    """All that is known of one model."""
    card, macs = card_and_macs
    lines = {
        "what it is": card.about,
        "kind": card.kind,
        "tasks": ", ".join(card.tasks),
        "paper": str(card.paper) if not card.ours else f"a preset of ours, not of the paper {card.paper}",
        "descends from": ", ".join(card.parents) or "no other in the zoo",
        "ancestor of": ", ".join(card.children) or "none in the zoo",
        "entities": card.entities,
        "relations": card.relations,
        "inductive bias": card.bias,
        "invariance": card.invariance,
        "params": f"{card.params:,} with {_describe_sizes(card)}",
    }
    if card.image_size:
        side = f"{card.image_size[0]} x {card.image_size[1]} pixels"
        published = f"; {card.macs:g} G published" if card.macs else ""
        lines["MACs"] = f"{macs:,} for {side}, counted here{published}"
        lines["image size"] = f"built for {side}; takes {card.image_sizes}"
    table = Table(box=None, show_header=False, pad_edge=False, title=card.name, title_justify="left")
    for name, value in lines.items():
        table.add_row(name, value)
    for result in card.results:
        table.add_row("published top-1", _describe_result(result))
    for note in card.notes:
        table.add_row("note", note)
    for weights in card.weights:
        table.add_row("public weights", _describe_weights(weights))
    _console.print(table)
    if card.code:
        show_text(f"\n{card.code}")


def _describe_sizes(card: Card) -> str:
    """What the count of parameters depends on, in words."""
    named = {"num_classes": "classes", "in_features": "features of a node", "vocabulary": "words"}
    named |= {"source_vocabulary": "tokens to read", "target_vocabulary": "tokens to write"}
    return ", ".join(f"{size:,} {named[name]}" for name, size in card.sizes.items())


def _describe_weights(weights: PublicWeights) -> str:
    where = f"https://huggingface.co/{weights.hub}" if weights.hub else weights.url
    note = f" {weights.note}" if weights.note else ""
    return f"{weights.tag}: {weights.licence}, trained on {weights.data}, {weights.size} pixels; {where}{note}"


def _describe_result(result: Result) -> str:
    checked = "" if result.checked else " (quoted from memory)"
    again = f"; {result.reproduced:.2f} % with public weights" if result.reproduced else ""
    return (
        f"{result.top1:.2f} % on {result.data} at {result.image_size} pixels, trained on {result.pretrain}: "
        f"{result.source}{checked}{again}"
    )
