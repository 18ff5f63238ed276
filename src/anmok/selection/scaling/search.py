"""The grid search: every triple trains alike and is judged on the select split; finished trials are never repeated."""

from collections.abc import Sequence

from anmok.backbone import Scaling
from anmok.catalogue.scaling import UNSCALED
from anmok.data import ImageData
from anmok.errors import BudgetError
from anmok.evaluation.measurements import Measurement
from anmok.selection.campaign import Campaign
from anmok.selection.costs import choose_precision, measure_steps
from anmok.selection.crew import Briefing, Crew, Tools
from anmok.selection.material import open_material
from anmok.selection.plan import EPOCHS
from anmok.selection.prepare import decode, prepare
from anmok.selection.quantities import format_seconds
from anmok.selection.scaling.grid import Axis, Triple, find_triples, scaled_spec
from anmok.selection.scaling.records import STAGE, describe, read_finished, read_triples, triple_rows
from anmok.selection.scaling.verdict import ScalingVerdict, judge
from anmok.selection.trial import SECONDS, Trial, TrialRecord, run_trial
from anmok.selection.workers import hire
from anmok.training.loop import EpochProgress
from anmok.training.recipe import Recipe

_SHARE = 0.8  # of the budget, for trainings; the rest is for decoding, looks at the select split and error
_FEWEST = 4  # compound triples, before the trainings become short
_WORTHWHILE = 16  # epochs
PLAN = "plan_epochs"


def search_scaling(data: ImageData, campaign: Campaign) -> ScalingVerdict:
    """Find the triple of factors whose network is most accurate on these images; a restart goes on where it was."""
    (model,), table, observer = campaign.request.models, campaign.table, campaign.observer
    material = prepare(data, campaign)
    side = material.pixels.shape[-1]
    if not table.rows(metric=PLAN):
        observer.stage("Grid")
    if not read_triples(table):
        constraint = campaign.request.constraint or 2.0
        table.append(triple_rows(model, find_triples(model, side, len(data.classes), constraint)))
    triples = read_triples(table)
    briefing = Briefing(campaign.run.root, side, data.classes)
    with hire(campaign.workers, briefing, len(triples), observer.note) as crew:
        chosen, epochs = plan_search(crew, triples, len(material.rows("train")), campaign)
        _decode(data, sorted({triple.image_size for triple in chosen}), campaign)
        observer.stage("Search")
        recipe = Recipe(epochs=epochs, precision=choose_precision(model))
        _train(crew, [_trial(model, triple.scaling, recipe, campaign.request.seed) for triple in chosen], campaign)
    return judge(table)


def _decode(data: ImageData, sizes: Sequence[int], campaign: Campaign) -> None:
    own = campaign.table.rows(metric="short_side")[-1].value
    if sizes[-1] > own:
        campaign.observer.note(
            f"half of the images have a shorter side of at most {own:g} pixels: more than that only enlarges them"
        )
    decode(data, sizes, campaign)


def _trial(model: str, scaling: Scaling, recipe: Recipe, seed: int) -> Trial:
    return Trial(model=model, fraction=1.0, recipe=recipe, seed=seed, stage=STAGE, scaling=scaling)


def plan_search(crew: Crew, triples: Sequence[Triple], images: int, campaign: Campaign) -> tuple[list[Triple], int]:
    """Which triples are trained, and for how many epochs: fewer triples rather than very short trainings."""
    table, request = campaign.table, campaign.request
    if not table.rows(metric=PLAN):
        (model,) = request.models
        if not table.rows(metric="seconds_per_image"):
            table.append(measure_steps(crew, [model] * crew.size, campaign.recipe))
        available = _SHARE * request.budget - table.rows(metric="preparation_seconds")[-1].value
        epoch = table.rows(metric="seconds_per_image")[-1].value * images / crew.size
        count, epochs = choose_extent(triples, available / epoch, request.epochs)
        if not epochs:
            least = (request.epochs or EPOCHS[0]) * epoch * sum(t.ratio for t in triples[:count])
            needed = (least + request.budget * _SHARE - available) / _SHARE
            raise BudgetError(
                f"A budget of {format_seconds(request.budget)} is too small for {count} trainings of "
                f"{request.epochs or EPOCHS[0]} epochs: {format_seconds(1.05 * needed + 1)} would be enough on this "
                f"machine. Raise --budget or lower {'--epochs' if request.epochs else '--image-size'}."
            )
        forecast = epochs * epoch * sum(t.ratio for t in triples[:count])
        note = f"{count} trainings of {epochs} epochs; forecast: {format_seconds(forecast)}"
        conditions = {"triples": count, "available_seconds": available}
        table.append([Measurement(subject="run", metric=PLAN, value=epochs, conditions=conditions, note=note)])
        campaign.observer.note(note)
    plan = table.rows(metric=PLAN)[-1]
    return list(triples[: int(plan.conditions["triples"])]), int(plan.value)


def choose_extent(triples: Sequence[Triple], available: float, epochs: int | None) -> tuple[int, int]:
    """How many of the triples, which are in the order of their worth, and how many epochs: 0 where time is too short.

    `available` is in epochs of the unscaled network; a triple takes as many times as long as its MACs grow.
    """
    least = min(len(triples), _FEWEST + sum(t.axis is not Axis.COMPOUND for t in triples))
    for count in range(len(triples), least - 1, -1):
        affordable = available / sum(t.ratio for t in triples[:count])
        fitting = [e for e in ((epochs,) if epochs else EPOCHS) if e <= affordable]
        if fitting and (count == least or epochs or fitting[-1] >= _WORTHWHILE):
            return count, fitting[-1]
    return least, 0


def train_scaled(tools: Tools, trial: Trial) -> TrialRecord:
    """The job of a worker: a trial on images of the scaled resolution."""
    side = scaled_spec(trial.model, tools.material.side, trial.scaling or UNSCALED).img_size[0]
    material = open_material(tools.run, side, tools.material.classes)
    return run_trial(trial, material, tools.run, tools.device, tools.watch)


def _train(crew: Crew, trials: Sequence[Trial], campaign: Campaign) -> None:
    """Train as many at a time as there are workers, until all are trained or the time for it is spent."""
    table, observer = campaign.table, campaign.observer
    available = float(table.rows(metric=PLAN)[-1].conditions["available_seconds"])
    todo = [trial for trial in trials if trial.scaling not in read_finished(table)]
    done = dict.fromkeys(todo, 0.0)

    def watch(trial: Trial, progress: EpochProgress) -> None:
        done[trial] = progress.epoch / progress.epochs
        rate = f"{progress.rate:,.0f} images/s"
        detail = f"{describe(trial.scaling)}, epoch {progress.epoch}/{progress.epochs}, {rate}"
        observer.progress(len(trials) - len(todo) + sum(done.values()), len(trials), detail)

    for start in range(0, len(todo), crew.size):
        spent = sum(row.value for row in table.rows(metric=SECONDS)) / crew.size
        if spent > available:
            waiting = ", ".join(describe(trial.scaling) for trial in todo[start:])
            observer.note(f"the budget is spent; not trained: {waiting}")
            return
        for record in crew.run(train_scaled, todo[start : start + crew.size], watch):
            table.append(record.rows, record.outcomes)
            campaign.run.checkpoint(record.trial.model, record.trial.checkpoint).unlink(missing_ok=True)
            result = (
                f"{100 * record.rows[0].value:.1f} % on the select split" if record.outcomes else record.rows[0].note
            )
            observer.note(f"{describe(record.trial.scaling)}: {result}")
