"""The selection from the audit to the trained winner; every stage resumes from what the table holds."""

import time
from dataclasses import replace
from pathlib import Path

from anmok import backbone
from anmok.data import ImageData, processor_count
from anmok.evaluation.measurements import Measurement
from anmok.selection.ablation import ablate_skips
from anmok.selection.campaign import Campaign
from anmok.selection.candidates import admit, find_models
from anmok.selection.costs import choose_threads, measure_steps
from anmok.selection.crew import Briefing, Crew
from anmok.selection.decide import Decision, decide
from anmok.selection.evidence import read_costs, read_evidence
from anmok.selection.final import TEST_ACCURACY, FinalTraining, train_final
from anmok.selection.finalists import MOST, look_at_finalists
from anmok.selection.material import Material
from anmok.selection.objectives import read_objective, read_test, with_scores
from anmok.selection.past import consult, remember
from anmok.selection.pilot import choose_augmentation
from anmok.selection.plan import Extent, Plan, final_epochs, make_plan, plan_rows
from anmok.selection.prepare import FROM_SCRATCH, prepare, prepare_masks
from anmok.selection.prospects import certainty, optimism
from anmok.selection.race import Race
from anmok.selection.segment_material import AnyMaterial
from anmok.selection.shortlisting import SHORTLIST_SECONDS, draw_up_shortlist
from anmok.selection.sources import choose_sides, find_sources
from anmok.selection.workers import hire
from anmok.training.loop import EpochProgress
from anmok.training.recipe import Recipe

_BEFORE = ("preparation_seconds", SHORTLIST_SECONDS, "forecast_seconds")  # of the budget, spent before the race


def select(data: ImageData | Path, campaign: Campaign) -> Decision:
    """Choose a backbone for the images and train it: for labelled ones, or those with masks in a folder or manifest.

    Stages: audit and splits, costs and limits, the shortlist of pretrained models, forecast, pilot, race, decision,
    final training. A stage whose rows stand in the table is not repeated.
    """
    material, names, models, briefing = _enter(data, campaign)
    with hire(campaign.workers, briefing, len(models), campaign.observer.note) as crew:
        extent, plan = _plan(crew, models, material, campaign)
        if isinstance(material, Material):
            consult(names, material, campaign)
        augmentation = choose_augmentation(crew, plan, campaign)
        campaign.observer.stage("Race")
        Race(campaign, plan, extent, augmentation).run(crew)
    if isinstance(material, Material):
        remember(material, campaign)
    decision = decide(campaign.table)
    campaign.observer.note(
        f"decision: {decision.winner}, from {len(decision.tied)} that these images cannot tell apart: "
        f"{', '.join(decision.tied)}. {certainty(decision)}"
    )
    if not campaign.table.rows(metric=TEST_ACCURACY):
        winner = decision[decision.winner].cost
        epochs = final_epochs(plan, winner, extent, read_evidence(campaign.table).spent / extent.workers)
        recipe = campaign.recipe.changed(
            {"epochs": epochs, "precision": winner.precision, "augmentation": augmentation}
        )
        with hire(campaign.workers, briefing, MOST, campaign.observer.note) as crew:
            if isinstance(material, Material):
                look_at_finalists(crew, decision, material, campaign)
            else:
                ablate_skips(crew, decision, plan, augmentation, campaign)
        campaign.observer.stage("Final training")
        with hire(replace(campaign.workers, count=1), briefing, 1, campaign.observer.note) as crew:
            _train_final(crew, decision.winner, recipe, campaign)
        campaign.observer.note(optimism(decision, read_test(campaign.table)))
    return decision


def _enter(data: ImageData | Path, campaign: Campaign) -> tuple[AnyMaterial, list[str], list[str], Briefing]:
    """What is learned from, who might race, who may, and what workers are told."""
    request = campaign.request
    if isinstance(data, Path):
        masked, names = prepare_masks(data, campaign), find_models(request.models, backbone.Task.SEGMENTATION)
        briefing = Briefing(campaign.run.root, masked.side, masked.classes, data.absolute())
        return masked, names, admit(names, masked, campaign), briefing
    sources = find_sources(request.models, request.weights) if request.pretrained else {}
    names = list(sources) or find_models(request.models)
    material = prepare(data, campaign, choose_sides(names) if sources else FROM_SCRATCH)
    models = admit(names, material, campaign)
    if sources:
        names = models = draw_up_shortlist({model: sources[model] for model in models}, data, material, campaign)
    return material, names, models, Briefing(campaign.run.root, material.side, data.classes)


def _plan(crew: Crew, models: list[str], material: AnyMaterial, campaign: Campaign) -> tuple[Extent, Plan]:
    """The plan; the same after a restart, with other workers too: all that it depends on stands in the table."""
    table, request = campaign.table, campaign.request
    if not table.rows(metric="seconds_per_image"):
        campaign.observer.stage("Forecast")
        started = time.monotonic()
        rows = measure_steps(crew, models, campaign.recipe)
        spent = Measurement(subject="run", metric="forecast_seconds", value=time.monotonic() - started, unit="s")
        table.append([*rows, spent])
    timed = table.rows(metric="seconds_per_image")[-1]
    extent = Extent(
        train_images=len(material.rows("train")),
        final_images=len(material.rows("train", "select")),
        num_classes=len(material.classes) if isinstance(material, Material) else 1,  # each image has many
        budget=request.budget - sum(row.value for metric in _BEFORE for row in table.rows(metric=metric)[-1:]),
        workers=int(timed.conditions["workers"]),  # also where a resumed run has others
        pretrained=request.pretrained,
    )
    plan = make_plan({m: c for m, c in read_costs(table).items() if m in models}, extent, request.epochs)
    if not table.rows(metric="plan_epochs"):
        table.append(plan_rows(plan))
        campaign.observer.note(plan.describe(request.budget))
    return extent, plan


def _train_final(crew: Crew, model: str, recipe: Recipe, campaign: Campaign) -> None:
    table = campaign.table
    if not table.rows(metric="final_threads", subject=model):
        table.append([choose_threads(crew, model, recipe, processor_count())])
    threads = int(table.rows(metric="final_threads", subject=model)[-1].value)
    request = campaign.request
    final = FinalTraining(model=model, recipe=recipe, threads=threads, seed=request.seed, data=request.data)

    def watch(_: object, progress: EpochProgress) -> None:
        detail = f"{model} on all but the test images, {progress.rate:,.0f} images/s"
        campaign.observer.progress(progress.epoch, progress.epochs, detail)

    for record in crew.run(train_final, [final], watch):
        table.append(with_scores(record.rows, record.outcomes, read_objective(table)), record.outcomes)
        campaign.run.checkpoint(model, "final").unlink(missing_ok=True)
