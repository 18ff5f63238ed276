"""Write docs/zoo.md: every family's card and its presets, from what the catalogue knows. Run it when that changes."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

from anmok.backbone import Kind, Paper
from anmok.catalogue import Card, Result, card, list_models, require_model, require_network
from anmok.evaluation.cost import count_macs

PAGE = Path(__file__).parents[1] / "docs" / "zoo.md"
INTRODUCTION = """\
# The zoo

Written by `tools/make_gallery.py` from the catalogue; `anmok card NAME` says the same of one model, and lists all of
its public weights. Parameters are those with 1000 classes unless others are named.

An arrow leads from a family to one whose code builds on it."""
HEADINGS = ("preset", "params", "G MACs", "built for", "takes sides", "published top-1 %", "public weights")


def main() -> None:
    """Write the page."""
    PAGE.write_text(gallery(), encoding="utf-8")


def gallery() -> str:
    """The page, families in the order of their papers."""
    families = sorted(_families().items(), key=lambda item: (item[1][0].paper.year, item[0]))
    parts = [INTRODUCTION, *_tree(families), *_index(families)]
    for family, cards in families:
        parts += _family(family, cards)
    return "\n\n".join(parts) + "\n"


def _families() -> dict[str, list[Card]]:
    """The cards of every family, the papers' presets before ours."""
    found: dict[str, list[Card]] = {}
    for name in list_models(task=None):
        found.setdefault(require_network(name).family, []).append(card(name))
    return {family: sorted(cards, key=lambda c: c.ours) for family, cards in found.items()}


def _title(cards: list[Card]) -> str:
    return require_network(cards[0].name).architecture.model.__name__


def _tree(families: Iterable[tuple[str, list[Card]]]) -> Iterator[str]:
    titles = {family: _title(cards) for family, cards in families}
    lines = [
        f"  {parent}[{titles[parent]}] --> {family}[{titles[family]}]"
        for family, cards in families
        for parent in cards[0].parents
    ]
    yield "\n".join(["```mermaid", "graph LR", *lines, "```"])


def _index(families: Iterable[tuple[str, list[Card]]]) -> Iterator[str]:
    for kind in Kind:
        links = [f"[{_title(cards)}](#{_title(cards).lower()})" for _, cards in families if cards[0].kind is kind]
        yield f"**{kind}:** {' · '.join(links)}"


def _family(family: str, cards: list[Card]) -> Iterator[str]:
    first, summary = cards[0], require_network(cards[0].name).summary
    yield f"## {_title(cards)}"
    yield f"{summary} {_extent(cards)}"
    facts = {
        "paper": _paper(first.paper),
        "descends from": ", ".join(first.parents) or "no other in the zoo",
        "ancestor of": ", ".join(first.children) or "none in the zoo",
        "entities": first.entities,
        "relations": first.relations,
        "inductive bias": first.bias,
        "invariance": first.invariance,
        "code": f"[zoo/{family}.py](../src/anmok/zoo/{family}.py)",
    }
    yield "\n".join(f"- {name}: {fact}" for name, fact in facts.items())
    sources = list(dict.fromkeys(_source(result) for card in cards for result in card.results))
    rows = [_row(card, sources) for card in cards]
    headings = HEADINGS if first.image_size else HEADINGS[:2]
    yield "\n".join(_line(cells[: len(headings)]) for cells in (headings, ["---"] * len(headings), *rows))
    if sources:
        yield "Sources: " + "; ".join(f"({i}) {source}" for i, source in enumerate(sources, start=1)) + "."
    notes = dict.fromkeys(note for card in cards for note in card.notes)
    if notes:
        yield "\n".join(f"- {', '.join(f'`{c.name}`' for c in cards if note in c.notes)}: {note}" for note in notes)
    yield _loading(cards)


def _extent(cards: list[Card]) -> str:
    published = [card for card in cards if not card.ours] or cards
    sizes = sorted({f"{card.params / 1e6:.3g} M" for card in published}, key=lambda size: float(size.split()[0]))
    number = "One preset" if len(published) == 1 else f"{len(published)} presets"
    whose = "of ours" if published[0].ours else f"from {cards[0].paper.authors} {cards[0].paper.year} onwards"
    extent = " to ".join(dict.fromkeys((sizes[0], sizes[-1])))
    return f"{number} {whose}: {'an' if cards[0].kind is Kind.MLP else 'a'} {cards[0].kind} with {extent} parameters."


def _paper(paper: Paper) -> str:
    where = f", [arXiv:{paper.arxiv}](https://arxiv.org/abs/{paper.arxiv})" if paper.arxiv else ""
    return f'{paper.authors} {paper.year}, "{paper.title}"{where}'


def _source(result: Result) -> str:
    return result.source + ("" if result.checked else ", quoted from memory")


def _row(card: Card, sources: list[str]) -> list[str]:
    macs = f"{card.macs if card.macs is not None else _count_macs(card) / 1e9:.4g}" if card.image_size else ""
    built = "{} x {}".format(*card.image_size) if card.image_size else ""
    sizes = {"num_classes": "classes", "in_features": "features", "vocabulary": "words"} | {
        "source_vocabulary": "tokens to read", "target_vocabulary": "tokens to write"
    }  # fmt: skip
    given = [f"{size:,} {sizes[name]}" for name, size in card.sizes.items() if size != 1000 or name != "num_classes"]
    params = f"{card.params:,}" + (f" ({', '.join(given)})" if given else "")
    results = [f"{_result(r, card)} ({sources.index(_source(r)) + 1})" for r in card.results]
    weights = ""
    if card.weights:
        more = f" and {len(card.weights) - 1} more" if len(card.weights) > 1 else ""
        weights = f"`{card.weights[0].tag}`, {card.weights[0].licence}{more}"
    name = f"`{card.name}`" + (" (ours)" if card.ours else "")
    return [name, params, macs, built, str(card.image_sizes or ""), "; ".join(results), weights]


def _count_macs(card: Card) -> int:
    preset = require_model(card.name)
    with torch.device("meta"):  # where all machines count alike
        network = preset.architecture.model(preset.spec, **card.sizes)
    return count_macs(network, *card.image_size, in_chans=network.in_chans)


def _result(result: Result, card: Card) -> str:
    after = f" after {result.pretrain}" if result.pretrain != result.data else ""
    size = f" at {result.image_size}" if card.image_size and result.image_size != card.image_size[0] else ""
    return f"{result.top1:.2f}{' on ' + result.data if result.data != 'ImageNet-1k' else ''}{after}{size}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _loading(cards: list[Card]) -> str:
    line = next((card.code for card in cards if card.code), None)
    if line:
        return f"```python\n{line}\n```"
    if cards[0].image_size is None:
        return f"No public weights are known.\n\n```\nanmok train {cards[0].name} DATA --task {cards[0].tasks[0]}\n```"
    verb = "create_segmenter" if _title(cards) == "UNet" else "create_model"
    classes = 2 if _title(cards) == "UNet" else 10
    call = f'anmok.{verb}("{cards[0].name}", num_classes={classes})'
    return f"No public weights are known.\n\n```python\n{call}\n```"


if __name__ == "__main__":
    main()
