"""Experience in a selection: what it expects of the candidates, and what the race adds to it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from uuid import uuid4

from anmok.data import Augmentation
from anmok.errors import AnmokError
from anmok.evaluation.measurements import Measurement
from anmok.experience import (
    ExperienceStore,
    Fingerprint,
    FinishedTrial,
    digest,
    experience_file,
    fingerprint,
    prior,
    recall,
    sample_rows,
    similarity,
)
from anmok.selection.campaign import Campaign
from anmok.selection.evidence import PRIOR, read_evidence
from anmok.selection.material import WEIGHTS, Material
from anmok.selection.objectives import read_objective
from anmok.selection.trial import ACCURACY
from anmok.training.recipe import Precision

ASKED = "experience"  # number of data sets that were known; its note names this run in the store


def consult(models: Sequence[str], material: Material, campaign: Campaign) -> None:
    """Write down what earlier data sets let one expect of each model; once, so that a resumed run expects the same."""
    table = campaign.table
    if table.rows(metric=ASKED):
        return
    store = _open(campaign)
    memory, here = recall(store, pretrained=campaign.request.pretrained), _fingerprint(material)
    names = _stored_names(models, campaign)
    objective = read_objective(table)
    known = prior(memory, here, names.values()) if objective.is_accuracy else {}
    expected = {model: known[name] for model, name in names.items() if name in known and known[name].data_sets}
    rows = [
        Measurement(
            subject=model, metric=PRIOR, value=found.mean, low=found.mean - found.sd, high=found.mean + found.sd,
            n=found.data_sets, unit="share", conditions={"interval": "1 sd"},
        )
        for model, found in expected.items()
    ]  # fmt: skip
    table.append([Measurement(subject="run", metric=ASKED, value=len(memory.data_sets), note=uuid4().hex), *rows])
    if expected:
        nearest = max(memory.lessons, key=lambda lesson: similarity(lesson.fingerprint, here))
        first = max(expected, key=lambda model: expected[model].mean)
        campaign.observer.note(
            f"experience: {len(memory.data_sets)} data sets, {nearest.data} the most alike "
            f"({similarity(nearest.fingerprint, here):.2f}; 1: the same); it expects {first} first"
        )
    if not objective.is_accuracy:
        campaign.observer.note(f"experience is of accuracies, and is not asked about {objective.title}")


def remember(material: Material, campaign: Campaign) -> None:
    """Add the trials of the race to the store; where it cannot be used, that is a note, and the run goes on."""
    store, asked = _open(campaign), campaign.table.rows(metric=ASKED)
    if store is None or not asked:
        return
    try:
        store.remember(_fingerprint(material), _trials(campaign, run=asked[0].note))
    except AnmokError as error:
        campaign.observer.note(str(error))


def _stored_names(models: Sequence[str], campaign: Campaign) -> dict[str, str]:
    """What the store calls the models: with the weights that they start from, if they do."""
    weights = {row.subject: row.note for row in campaign.table.rows(metric=WEIGHTS)}
    return {model: weights.get(model, model) for model in models}


def _trials(campaign: Campaign, run: str) -> Iterator[FinishedTrial]:
    evidence = read_evidence(campaign.table)
    rows = {
        (row.subject, row.conditions["fraction"], row.seed): row.conditions
        for row in campaign.table.rows(metric=ACCURACY)
        if row.conditions["stage"] == "race"
    }
    names = _stored_names([trial.model for trial in evidence.finished], campaign)
    common = campaign.recipe
    for trial in evidence.finished:
        chosen = rows[trial.model, trial.fraction, trial.seed]
        settings = {
            "epochs": int(chosen["epochs"]),
            "precision": Precision(str(chosen["precision"])),
            "augmentation": Augmentation(str(chosen["augmentation"])),
        }
        recipe = common.changed(settings)
        yield FinishedTrial(
            run=run,
            data=campaign.request.data,
            model=names[trial.model],
            kind=str(evidence.costs[trial.model].kind),
            recipe=digest(asdict(recipe)),
            epochs=recipe.epochs,
            augmentation=recipe.augmentation,
            fraction=trial.fraction,
            images=trial.images,
            seed=trial.seed,
            select_accuracy=trial.accuracy,
            test_accuracy=None,
            seconds=trial.seconds,
        )


def _open(campaign: Campaign) -> ExperienceStore | None:
    try:
        store = ExperienceStore(experience_file(campaign.request.experience))
    except AnmokError as error:
        if campaign.request.experience:
            raise  # the user named it
        campaign.observer.note(str(error))
        return None
    for note in store.notes:
        campaign.observer.note(note)
    return store


def _fingerprint(material: Material) -> Fingerprint:
    rows = material.rows("train")
    looked_at = rows[sample_rows(len(rows))]
    return fingerprint(material.pixels[looked_at], material.labels[looked_at], all_labels=material.labels[rows])
