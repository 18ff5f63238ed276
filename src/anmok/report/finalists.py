"""What the data asks for beside what the finalists have: every cell a measurement."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from markupsafe import Markup

from anmok.probes.card import BiasCard
from anmok.probes.card_rows import Cell
from anmok.probes.rows import read_cards
from anmok.report.card_drawing import card_plot
from anmok.report.card_text import card_text
from anmok.report.facts import Facts
from anmok.report.svg import Canvas
from anmok.report.wording import DASH, interval, milliseconds, percent, whole
from anmok.selection.finalists import CUE


@dataclass(frozen=True, kw_only=True)
class Need:
    """One line of the table."""

    topic: str
    data: str  # what was measured of the images
    question: str  # what is asked of the models
    models: tuple[str | Markup, ...]  # answers, in the order of the cards; why there is none shows on hovering


@dataclass(frozen=True, kw_only=True)
class Finalists:
    """The section of the page."""

    cards: tuple[BiasCard, ...]
    texts: tuple[str, ...]  # the whole cards
    needs: tuple[Need, ...]
    drawings: tuple[Markup, ...]  # wide and narrow


def read_finalists(facts: Facts) -> Finalists | None:
    """The cards that the table holds, the winner's first; None for a run without."""
    found = {card.name: card for card in read_cards(facts.rows)}
    order = [c.model for c in facts.decision.candidates if c.model in found]
    cards = tuple(found[model] for model in order)
    if not cards:
        return None
    sizes = (Canvas("cards-wide", 1100, 0), Canvas("cards-narrow", 420, 0))
    return Finalists(
        cards=cards,
        texts=tuple(map(card_text, cards)),
        needs=tuple(need for need in _needs(facts, cards) if need),
        drawings=tuple(card_plot(cards, size) for size in sizes),
    )


def _needs(facts: Facts, cards: Sequence[BiasCard]) -> list[Need | None]:
    return [
        _cue(facts, cards, "texture", "of the images are told right by local texture alone", _TEXTURE),
        _cue(facts, cards, "layout", "by a thumbnail of 8 x 8 pixels", _LAYOUT),
        _cue(facts, cards, "colour", "by a histogram of colours", _COLOUR),
        _placement(facts, cards),
        _amount(facts, cards),
        _speed(facts, cards),
    ]


_TEXTURE = ("answers kept when 4 x 4 tiles are shuffled", Cell("texture reliance", "{} %", 0))
_LAYOUT = ("answers kept when details are blurred", Cell("shape reliance", "{} %", 0))
_COLOUR = ("answers kept in grey", Cell("kept in grey", "{} %", 0))


def _cue(facts: Facts, cards: Sequence[BiasCard], cue: str, what: str, asked: tuple[str, Cell]) -> Need | None:
    row, chance = facts.find(CUE + cue, "data"), facts.find(f"{CUE}chance", "data")
    if row is None or chance is None:
        return None
    data = f"{percent(row.value)} {interval(row)} {what}; guessing: {percent(chance.value)}"
    return _row(cue.capitalize(), data, asked, cards)


def _placement(facts: Facts, cards: Sequence[BiasCard]) -> Need | None:
    row = facts.find(f"{CUE}placement", "data")
    if row is None:
        return None
    data = f"the detail's centre wanders by {percent(row.value)} of the side from image to image"
    asked = ("same answer for two crops of an image", Cell("shift consistency", "{} %", 0))
    return _row("Placement", data, asked, cards)


def _amount(facts: Facts, cards: Sequence[BiasCard]) -> Need:
    """Data efficiency by the race's own trainings, on the smallest part that all were trained on."""
    count = facts.decision.train_images
    scores = [_scores(facts, card.name) for card in cards]
    parts = set.intersection(*(set(found) for found in scores)) - {1.0}
    part = min(parts, default=1.0)
    return Need(
        topic="Few images",
        data=f"{whole(count)} images to train on, {whole(count / len(facts.classes))} a class",
        question=f"of its score on all images that it reaches on {percent(part)} of them",
        models=tuple(percent(s[part] / s[1.0]) if parts and s.get(1.0) else DASH for s in scores),
    )


def _scores(facts: Facts, model: str) -> dict[float, float]:
    """Mean score of the race on each part of the images."""
    found: dict[float, list[float]] = {}
    for trial in facts.evidence.finished:
        if trial.model == model:
            found.setdefault(trial.fraction, []).append(float(trial.correct.mean()))
    return {fraction: sum(values) / len(values) for fraction, values in found.items()}


def _speed(facts: Facts, cards: Sequence[BiasCard]) -> Need:
    limit = facts.request.max_latency
    data = f"at most {milliseconds(limit)} an image were asked for" if limit else "no latency was asked for"
    return Need(
        topic="Speed",
        data=data,
        question=f"latency on {facts.decision[cards[0].name].cost.latency_on}",
        models=tuple(milliseconds(facts.decision[card.name].cost.latency) for card in cards),
    )


def _row(topic: str, data: str, asked: tuple[str, Cell], cards: Sequence[BiasCard]) -> Need:
    question, cell = asked

    def told(card: BiasCard) -> str | Markup:
        if isnan(card.value(cell.metric)):
            return Markup('<span title="{}">{}</span>').format(card.reason(cell.metric), DASH)
        return cell.phrase(card.by_metric[cell.metric])

    return Need(topic=topic, data=data, question=question, models=tuple(map(told, cards)))
