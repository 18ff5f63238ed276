"""Does augmentation help on these images, in the time there is? Three trainings of one model tell.

Mirroring and shifting help a long training and hamper a short one, and mirrored digits are no digits: the
answer depends on the images and on the budget, so it is measured, once, for all models alike, in a training
of as many epochs as the final one may have.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from anmok.backbone import Kind
from anmok.data import Augmentation
from anmok.evaluation.measurements import Measurement, Measurements
from anmok.selection.campaign import Campaign
from anmok.selection.crew import Crew
from anmok.selection.evidence import read_costs
from anmok.selection.objectives import SELECT_SCORE, read_objective, with_scores
from anmok.selection.plan import FINAL_EPOCHS, Plan, epochs_at
from anmok.selection.race import train_and_judge
from anmok.selection.trial import ACCURACY, Trial

AUGMENTATION = "augmentation"
_RUNG = 1  # of the race, on which the pilot trains
_TRIED = (Augmentation.NONE, Augmentation.CROP, Augmentation.FLIP_CROP)  # from the weakest on
_FINE_TUNED = (Augmentation.CROP, Augmentation.FLIP_CROP, Augmentation.FLIP_RESIZED_CROP)  # from pretrained weights


def choose_augmentation(crew: Crew, plan: Plan, campaign: Campaign) -> Augmentation:
    """The strongest augmentation within one standard error of the best accuracy, or other objective, on select."""
    table = campaign.table
    if not table.rows(metric=AUGMENTATION):
        campaign.observer.stage("Pilot")
        tried = _FINE_TUNED if campaign.request.pretrained else _TRIED
        trials = _trials(plan, campaign, tried)
        objective = read_objective(table)
        score = ACCURACY if objective.is_accuracy else SELECT_SCORE
        known = _found(table, score)
        for record in crew.run(train_and_judge, [t for t in trials if t.recipe.augmentation not in known]):
            table.append(with_scores(record.rows, record.outcomes, objective))
            campaign.run.checkpoint(record.trial.model, record.trial.checkpoint).unlink(missing_ok=True)
        found = _found(table, score)
        chosen = strongest(found, tried)
        compared = ", ".join(f"{100 * row.value:.1f} % with {name}" for name, row in sorted(found.items()))
        of = "" if objective.is_accuracy else f"{objective.title} "
        note = f"{trials[0].model} on {trials[0].fraction:.0%} of the images: {of}{compared}"
        row = Measurement(subject="run", metric=AUGMENTATION, value=1.0, note=note, conditions={"chosen": chosen})
        table.append([row])
        campaign.observer.note(f"augmentation: {chosen}; {note}")
    return Augmentation(str(table.rows(metric=AUGMENTATION)[-1].conditions["chosen"]))


def _trials(plan: Plan, campaign: Campaign, tried: Sequence[Augmentation]) -> list[Trial]:
    """One for each augmentation, with the fastest model that looks at places: an MLP profits least."""
    costs = {model: cost for model, cost in read_costs(campaign.table).items() if model in plan.models}
    looking = [m for m in costs if costs[m].kind is not Kind.MLP] or list(costs)
    model = min(looking, key=lambda m: costs[m].seconds_per_image)
    fraction = plan.fractions[_RUNG]
    epochs = round(FINAL_EPOCHS[1] * epochs_at(fraction, plan.epochs))
    settings: dict[str, Any] = {"epochs": epochs, "precision": costs[model].precision}
    common = campaign.recipe
    recipes = [common.changed(settings | {"augmentation": augmentation}) for augmentation in tried]
    seed = campaign.request.seed
    return [Trial(model=model, fraction=fraction, recipe=recipe, seed=seed, stage="pilot") for recipe in recipes]


def strongest(found: Mapping[Augmentation, Measurement], tried: Sequence[Augmentation] = _TRIED) -> Augmentation:
    """The strongest whose score lies within one standard error of the best."""
    if not found:
        return Augmentation.FLIP_CROP
    best = max(found.values(), key=lambda row: row.value)
    error = sqrt(float(best.conditions.get("dispersion", 1.0)) * best.value * (1 - best.value) / (best.n or 1))
    return [a for a in tried if a in found and found[a].value >= best.value - error][-1]


def _found(table: Measurements, metric: str) -> dict[Augmentation, Measurement]:
    rows = [row for row in table.rows(metric=metric) if row.conditions["stage"] == "pilot"]
    return {Augmentation(str(row.conditions[AUGMENTATION])): row for row in rows}
