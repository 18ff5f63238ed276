"""What the finalists of a race are like, and what tells the classes of the images apart."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from anmok.catalogue import require_model, split_tag
from anmok.evaluation.measurements import Measurement
from anmok.probes import Profile, Subject, run_probes
from anmok.probes.card import BiasCard
from anmok.probes.rows import read_cards, to_rows
from anmok.scores import cues
from anmok.selection.campaign import Campaign
from anmok.selection.crew import Crew, Tools
from anmok.selection.decide import Decision
from anmok.selection.kept import forget, recall
from anmok.selection.material import Material

MOST = 3  # finalists
CUE = "cue: "
_LOOKED_AT = 128  # select images
_DESCRIBED = 1000  # train images
_SMALL = 64  # pixels of a side, up to which every question is asked: above, those that take seconds


class Look(NamedTuple):
    """One finalist to be looked at."""

    model: str
    seed: int


def finalists(decision: Decision) -> list[str]:
    """The winner, and the models that came nearest to it, best first."""
    others = [c.model for c in decision.candidates if c.score and c.model != decision.winner]
    return [decision.winner, *others][:MOST]


def look_at_finalists(crew: Crew, decision: Decision, material: Material, campaign: Campaign) -> None:
    """Add the bias cards of the finalists and the cues of the images to the table; what stands there is not repeated.

    The networks are those of the race, which saw no select image.
    """
    table, observer = campaign.table, campaign.observer
    names = finalists(decision)
    seen = {card.name for card in read_cards(table.rows())}
    missing = [Look(model, campaign.request.seed) for model in names if model not in seen]
    observer.stage("Finalists")
    if not any(row.metric.startswith(CUE) for row in table.rows(subject="data")):
        table.append(cue_rows(material, campaign.request.seed))
    for done, rows in enumerate(crew.run(examine, missing), start=1):
        table.append(rows)
        observer.progress(done, len(missing), "bias cards")
    forget(campaign.run)


def examine(tools: Tools, look: Look) -> list[Measurement]:
    """The job of a worker: ask the probes; a model whose network is not kept has no rows."""
    material = tools.material
    if not isinstance(material, Material):
        return []
    classifier = recall(tools.run, look.model)
    if classifier is None:
        return []
    chosen = np.random.default_rng(look.seed).permutation(material.rows("select"))[:_LOOKED_AT]
    pixels = torch.from_numpy(material.pixels[chosen])
    profile = Profile.FULL if pixels.shape[-1] <= _SMALL else Profile.FAST
    subject = Subject(
        name=look.model,
        network=classifier.to(tools.device),
        pixels=pixels,
        labels=torch.from_numpy(material.labels[chosen]).long(),
        source=f"{len(chosen)} select images",
        trained=True,
        seed=look.seed,
    )
    card = BiasCard(
        name=look.model,
        kind=str(require_model(split_tag(look.model)[0]).architecture.kind),
        trained="the train split",
        source=subject.source,
        size=subject.size,
        profile=profile,
        seed=look.seed,
        results=run_probes(subject, profile),
    )
    return to_rows(card)


def cue_rows(material: Material, seed: int) -> Iterator[Measurement]:
    """Which of texture, layout and colour tells the classes of the train images apart, and how many guessing gets."""
    rows = np.random.default_rng(seed).permutation(material.rows("train"))[:_DESCRIBED]
    told = cues(torch.from_numpy(material.pixels[rows]), material.labels[rows])
    for name in ("texture", "layout", "colour"):
        share = getattr(told, name).accuracy
        yield Measurement(
            subject="data", metric=CUE + name, value=share.value, unit="share", low=share.low, high=share.high,
            n=share.n, seed=seed,
        )  # fmt: skip
    for name, unit in (("chance", "share"), ("placement", "sides")):
        value = getattr(told, name)
        yield Measurement(subject="data", metric=CUE + name, value=value, unit=unit, n=len(rows), seed=seed)
