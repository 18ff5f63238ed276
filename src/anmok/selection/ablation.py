"""What the chosen network owes to the fine maps that it merges on its way up: the same training without them."""

from dataclasses import replace
from typing import cast

from anmok.data import Augmentation
from anmok.evaluation.measurements import Measurement
from anmok.evaluation.metrics import compare_paired
from anmok.selection.campaign import Campaign
from anmok.selection.crew import Crew, Tools
from anmok.selection.decide import Decision
from anmok.selection.evidence import Finished, read_evidence
from anmok.selection.objectives import read_objective, with_scores
from anmok.selection.plan import Plan, epochs_at
from anmok.selection.segment_material import SegmentMaterial
from anmok.selection.trial import Trial, TrialRecord, run_trial

STAGE = "without skips"
SKIPS = "skips"  # what they add to the score on the select split; the interval is paired, image by image


def ablate_skips(crew: Crew, decision: Decision, plan: Plan, augmentation: Augmentation, campaign: Campaign) -> None:
    """Train the winner once more, without skips, as in its largest training of the race; once for each run."""
    table = campaign.table
    if table.rows(metric=SKIPS):
        return
    evidence = read_evidence(table)
    known = evidence.trials(decision.winner)[-1]
    precision = evidence.costs[decision.winner].precision
    recipe = campaign.recipe.changed(
        {"epochs": epochs_at(known.fraction, plan.epochs), "augmentation": augmentation, "precision": precision}
    )
    trial = Trial(model=known.model, fraction=known.fraction, recipe=recipe, seed=known.seed, stage=STAGE)
    campaign.observer.stage("Without skips")
    for record in crew.run(train_without_skips, [trial]):
        rows = with_scores(record.rows, record.outcomes, read_objective(table))
        table.append([*rows, *_difference(record, known, campaign)])
        campaign.run.checkpoint(trial.model, trial.checkpoint).unlink(missing_ok=True)


def train_without_skips(tools: Tools, trial: Trial) -> TrialRecord:
    """The job of a worker."""
    material = replace(cast(SegmentMaterial, tools.material), skips=False)
    return run_trial(trial, material, tools.run, tools.device, tools.watch)


def _difference(record: TrialRecord, known: Finished, campaign: Campaign) -> list[Measurement]:
    """What the skips add; nothing where the training without them failed."""
    if not record.outcomes:
        return []
    without = read_objective(campaign.table).contributions(record.outcomes[0])
    paired = compare_paired(known.judged, without)
    row = Measurement(
        subject=known.model, metric=SKIPS, value=paired.difference, unit="share", low=paired.low, high=paired.high,
        n=len(without), seed=known.seed, conditions={"fraction": known.fraction, "with": float(known.judged.mean())},
    )  # fmt: skip
    campaign.observer.note(
        f"skips: {100 * float(known.judged.mean()):.1f} % mIoU with, {100 * float(without.mean()):.1f} % without; "
        f"they add {100 * row.value:.1f} points [{100 * paired.low:.1f}, {100 * paired.high:.1f}]"
    )
    return [row]
