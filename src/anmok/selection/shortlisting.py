"""Which pretrained networks are worth a race: those whose frozen features know most about the images."""

import time
from functools import partial

import torch

from anmok.backbone import Backbone
from anmok.catalogue import require_model, split_tag
from anmok.data import ImageData
from anmok.evaluation.measurements import Measurement
from anmok.scores import Pretrained, Shortlist, shortlist
from anmok.selection.campaign import Campaign
from anmok.selection.material import WEIGHTS, Material
from anmok.selection.sources import Sources, build, identify
from anmok.training.depth import find_layers
from anmok.training.device import default_device
from anmok.training.pretrained import save_start

SHORTLIST_SECONDS = "shortlist_seconds"
_KEPT = 5  # and the first of each kind
_LOOKED_AT = 1000  # train images; of so many, the standard error of an accuracy is at most 1.6 points


def draw_up_shortlist(sources: Sources, data: ImageData, material: Material, campaign: Campaign) -> list[str]:
    """Fetch the weights of the candidates, rank them by their scores and keep the first; each other gets its reason.

    A shortlist, no decision: the race alone decides among those that are kept. Their weights are put into the run
    directory, fitted to the images, where all trainings find them; nothing is fetched after this.
    Raises `RequestError` where no candidate's weights can be had.
    """
    table = campaign.table
    if not table.rows(metric=SHORTLIST_SECONDS):
        campaign.observer.stage("Shortlist")
        started = time.monotonic()
        drawn = _score(sources, data, material, campaign)
        _provide({model: sources[model] for model in drawn.kept}, material, campaign)
        spent = Measurement(subject="run", metric=SHORTLIST_SECONDS, value=time.monotonic() - started, unit="s")
        kept = [Measurement(subject=m, metric=WEIGHTS, value=1.0, note=identify(m, sources[m])) for m in drawn.kept]
        reasons = {**drawn.left_out, **_not_kept(drawn)}
        excluded = [Measurement(subject=m, metric="excluded", value=1.0, note=why) for m, why in reasons.items()]
        table.append([*drawn.measurements(), *kept, *excluded, spent])
        for model, reason in drawn.left_out.items():
            campaign.observer.note(f"{model} is left out: {reason}")
        campaign.observer.note(_describe(drawn))
    names = [row.subject for row in table.rows(metric=WEIGHTS)]
    _provide({m: sources[m] for m in names if not campaign.run.start(m).exists()}, material, campaign)
    return sorted(names)


def _score(sources: Sources, data: ImageData, material: Material, campaign: Campaign) -> Shortlist:
    side = material.pixels.shape[-1]

    def trainable(model: str, number: int) -> Backbone:
        campaign.observer.progress(number, len(sources), model)
        network = build(model, sources[model], side)
        find_layers(network)  # raises where a network cannot be fine-tuned, which wants its parameters by depth
        return network

    candidates = [
        Pretrained(
            name=model,
            kind=require_model(split_tag(model)[0]).architecture.kind,
            build=partial(trainable, model, number),
        )
        for number, model in enumerate(sources)
    ]
    ids = material.splits["id"].to_numpy()[material.rows("train")]
    return shortlist(candidates, data, ids, keep=_KEPT, limit=_LOOKED_AT, device=default_device())


def _shares(drawn: Shortlist) -> dict[str, float]:
    return {row.name: 100 * row.scores.ridge.accuracy.value for row in drawn.ranking}


def _not_kept(drawn: Shortlist) -> dict[str, str]:
    (first, most), *_ = _shares(drawn).items()
    return {
        model: f"not on the shortlist: a linear head on its frozen features answers {share:.1f} % of the train images "
        f"right, on those of {first} {most:.1f} %"
        for model, share in _shares(drawn).items()
        if model not in drawn.kept
    }


def _describe(drawn: Shortlist) -> str:
    found = ", ".join(f"{model} {share:.1f} %" for model, share in _shares(drawn).items())
    return (
        f"shortlist: {len(drawn.kept)} of {len(drawn.ranking)} by a linear head on frozen features, which answers so "
        f"much of {drawn.ranking[0].images:,} train images right: {found}"
    )


def _provide(sources: Sources, material: Material, campaign: Campaign) -> None:
    """Write what the trainings start from."""
    for model, file in sources.items():
        with torch.random.fork_rng(devices=[]):
            built = []
            for seed in (0, 1):
                torch.manual_seed(seed)
                built.append(build(model, file, material.pixels.shape[-1], len(material.classes)))
        save_start(built, file or True, campaign.run.start(model))
