"""What an honest selector has to beat. Each policy asks a session for trainings, then names a model."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeAlias

import numpy as np
from truth import Choice, Session, Truth

from anmok.catalogue import require_network
from anmok.catalogue.published import read_published

Policy: TypeAlias = Callable[[Session], Choice]


def draw(session: Session) -> Choice:
    """Any model."""
    return Choice(model=session.models[0])


def fashion(session: Session) -> Choice:
    """The family with the highest published accuracy on ImageNet-1k."""
    return Choice(model=max(session.models, key=published))


def static_prior(session: Session) -> Choice:
    """The best on average over the other data sets."""
    means = mean_gains(session.past)
    return Choice(model=max(session.models, key=lambda m: means.get(m, -np.inf)))


def train_everything(session: Session) -> Choice:
    """All models on all of the data, once."""
    return one_rung(1.0)(session)


def one_rung(fraction: float) -> Policy:
    """All models on one part of the data, the smallest recorded one at least; the best there."""

    def choose(session: Session) -> Choice:
        found = _rung(session, session.models, max(fraction, session.fractions[0]))
        return Choice(model=max(found, key=found.__getitem__, default=session.models[0]))

    return choose


def successive_halving(keep: int, rungs: tuple[float, ...]) -> Policy:
    """One in `keep` of the models moves on to the next rung (Jamieson and Talwalkar 2016, arXiv:1502.07943).

    Rungs that were not recorded are left out. When the budget ends within a rung, the best of the last whole one wins.
    """

    def choose(session: Session) -> Choice:
        alive, best = session.models, session.models[0]
        for fraction in rungs:
            if fraction not in session.fractions:
                continue
            found = _rung(session, alive, fraction)
            if len(found) < len(alive):
                break
            ranked = sorted(alive, key=found.__getitem__, reverse=True)
            best, alive = ranked[0], tuple(ranked[: max(1, round(len(alive) / keep))])
        return Choice(model=best)

    return choose


@cache
def published(model: str) -> float:
    """The highest top-1 (%) that the catalogue cites for any size of the family, trained on ImageNet-1k alone."""
    family = require_network(model).architecture
    rows = [row for name, row in read_published().items() if require_network(name).architecture is family]
    results = [result for row in rows for result in row.get("results", ())]
    return max((r["top1"] for r in results if r["data"] == r["pretrain"] == "ImageNet-1k"), default=0.0)


def mean_gains(past: Mapping[str, Truth]) -> dict[str, float]:
    """How far each model lies above the mean of the models, on average over data sets."""
    gains: dict[str, list[float]] = {}
    for truth in past.values():
        level = float(np.mean(list(truth.accuracies.values())))
        for model, accuracy in truth.accuracies.items():
            gains.setdefault(model, []).append(accuracy - level)
    return {model: float(np.mean(found)) for model, found in gains.items()}


def _rung(session: Session, models: tuple[str, ...], fraction: float) -> dict[str, float]:
    answers = {model: session.train(model, fraction) for model in models}
    return {model: answer.accuracy for model, answer in answers.items() if answer}


BASELINES: dict[str, Policy] = {
    "random": draw,
    "fashion": fashion,
    "static prior": static_prior,
    "one rung, 1/16": one_rung(1 / 16),
    "one rung, 1/8": one_rung(1 / 8),
    "successive halving, eta 2": successive_halving(2, (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)),
    "successive halving, eta 3": successive_halving(3, (1 / 16, 1 / 4, 1 / 2)),
    "train everything": train_everything,
}
