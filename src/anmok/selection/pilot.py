"""Does augmentation help on these images, in the time there is? Two trainings of one model tell.

Mirroring and shifting help a long training and hamper a short one, and mirrored digits are no digits: the
answer depends on the images and on the budget, so it is measured, once, for all models alike.
"""

from dataclasses import replace

from anmok.backbone import Kind
from anmok.data import Augmentation
from anmok.evaluation.measurements import Measurement, Measurements
from anmok.selection.campaign import Campaign
from anmok.selection.crew import Crew
from anmok.selection.evidence import read_costs
from anmok.selection.plan import Plan, epochs_at
from anmok.selection.race import train_and_judge
from anmok.selection.trial import ACCURACY, Trial
from anmok.training.recipe import Recipe

AUGMENTATION = "augmentation"
_RUNG = 2  # of the race, on which the pilot trains


def choose_augmentation(crew: Crew, plan: Plan, campaign: Campaign) -> Augmentation:
    """The augmentation with the better select accuracy; of equals, the stronger."""
    table = campaign.table
    if not table.rows(metric=AUGMENTATION):
        campaign.observer.stage("Pilot")
        trials = _trials(plan, table, campaign.request.seed)
        known = _accuracies(table)
        for record in crew.run(train_and_judge, [t for t in trials if t.recipe.augmentation not in known]):
            table.append(record.rows)
            campaign.run.checkpoint(record.trial.model, record.trial.checkpoint).unlink(missing_ok=True)
        found = _accuracies(table)
        chosen = max(found, key=lambda a: (found[a], list(Augmentation).index(a)), default=Augmentation.FLIP_CROP)
        compared = ", ".join(f"{100 * value:.1f} % with {name}" for name, value in sorted(found.items()))
        note = f"{trials[0].model} on {trials[0].fraction:.0%} of the images: {compared}"
        row = Measurement(subject="run", metric=AUGMENTATION, value=1.0, note=note, conditions={"chosen": chosen})
        table.append([row])
        campaign.observer.note(f"augmentation: {chosen}; {note}")
    return Augmentation(str(table.rows(metric=AUGMENTATION)[-1].conditions["chosen"]))


def _trials(plan: Plan, table: Measurements, seed: int) -> list[Trial]:
    """One for each augmentation, with the fastest model that looks at places: an MLP profits least."""
    costs = {model: cost for model, cost in read_costs(table).items() if model in plan.models}
    looking = [m for m in costs if costs[m].kind is not Kind.MLP] or list(costs)
    model = min(looking, key=lambda m: (costs[m].macs, m))
    fraction = plan.fractions[min(_RUNG, len(plan.fractions) - 1)]
    recipe = Recipe(epochs=epochs_at(fraction, plan.epochs), precision=costs[model].precision)
    return [
        Trial(model=model, fraction=fraction, recipe=replace(recipe, augmentation=a), seed=seed, stage="pilot")
        for a in Augmentation
    ]


def _accuracies(table: Measurements) -> dict[Augmentation, float]:
    rows = [row for row in table.rows(metric=ACCURACY) if row.conditions["stage"] == "pilot"]
    return {Augmentation(str(row.conditions[AUGMENTATION])): row.value for row in rows}
