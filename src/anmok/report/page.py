"""A run directory becomes one page that needs nothing but a browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from anmok.data import read_pixels
from anmok.evaluation.measurements import Outcome
from anmok.evaluation.metrics import Proportion
from anmok.report.curves import AHEAD, curve_panels, read_curves
from anmok.report.facts import Facts, read_facts
from anmok.report.finalists import read_finalists
from anmok.report.heatmap import MOST_CLASSES, heat_map
from anmok.report.interval import bar_mark, common_scale, interval_mark
from anmok.report.kinds import glyph
from anmok.report.method import read_method
from anmok.report.mistakes import Mistake, Mistakes, find_mistakes
from anmok.report.overlays import Overlays, draw_overlays
from anmok.report.pages import templates, write_page
from anmok.report.pareto import MOST_NAMES, pareto_plot
from anmok.report.prices import PRICES, Price
from anmok.report.reproduce import command
from anmok.report.shortlist import read_shortlist
from anmok.report.svg import Canvas
from anmok.report.thumbnails import thumbnail
from anmok.report.verdict import read_verdict
from anmok.report.wording import enumerate_names
from anmok.selection.ablation import SKIPS
from anmok.selection.decide import Decision
from anmok.selection.pareto import unbeaten
from anmok.selection.preference import known
from anmok.selection.quantities import format_seconds
from anmok.selection.run_directory import RunDirectory
from anmok.tasks.section import read_sections

_MOST_RECALLS = 20


@dataclass(frozen=True, kw_only=True)
class Plate:
    """A wrong answer with its pictures, which are empty where the decoded images, or the trained model, are gone."""

    mistake: Mistake
    path: str
    image: str
    overlay: str  # the same with what spoke for the wrong answer


def write_report(run: RunDirectory) -> Path:
    """Write `report.html` from the run's files alone; the same files give the same page.

    Raises `RunDirectoryError` where there is no run, or one that has not finished a trial.
    """
    return write_page(run, render(read_facts(run)))


def render(facts: Facts) -> str:
    """Make the page."""
    environment = templates()
    environment.globals |= {"glyph": glyph, "format_seconds": format_seconds}
    shares = _shares(facts.decision)
    scale = common_scale(list(shares.values()))
    curves = read_curves(facts.evidence, facts.decision)
    mistakes = find_mistakes(facts.answers, facts.classes) if isinstance(facts.answers, Outcome) else None
    plates, no_overlays = _plates(mistakes, facts) if mistakes else ([], "")
    plotted = known(c.cost for c in facts.decision.candidates if c.expected)
    return environment.get_template("page.html").render(
        facts=facts,
        decision=facts.decision,
        verdict=read_verdict(facts),
        forest={model: interval_mark(share, facts.decision[model].cost.kind, scale) for model, share in shares.items()},
        scale=scale,
        pareto=_pareto_plots(facts, PRICES[facts.decision.preference], _PARETO),
        prices=[
            _pareto_plots(facts, price, [Canvas(f"pareto-{preference}", 300, 260)])[0]
            for preference, price in PRICES.items()
            if preference is not facts.decision.preference and preference in plotted
        ],
        unbeaten=enumerate_names(unbeaten(facts.decision.candidates)),
        panels=curve_panels(curves, facts.evidence.train_images, facts.decision.objective.title),
        ahead=AHEAD,
        most_names=MOST_NAMES,
        errors="errors" if mistakes else "segmentation",
        svg=Markup,
        mistakes=mistakes,
        recalls=[(recall, bar_mark(recall.share)) for recall in mistakes.recalls[:_MOST_RECALLS]] if mistakes else [],
        heat=_heat(mistakes, facts.classes) if mistakes else [],
        sections=read_sections(facts.run.best),
        skips=facts.find(SKIPS, facts.decision.winner),
        plates=plates,
        no_overlays=no_overlays,
        method=read_method(facts),
        shortlist=read_shortlist(facts),
        finalists=read_finalists(facts),
        command=command(facts.request, facts.run.root),
    )


def _pareto_plots(facts: Facts, price: Price, canvases: Sequence[Canvas]) -> list[Markup]:
    limit = price.limit(facts.request)
    return [pareto_plot(facts.decision, limit, canvas, price) for canvas in canvases]


_PARETO = (Canvas("pareto-wide", 560, 440), Canvas("pareto-narrow", 350, 380))


def _shares(decision: Decision) -> dict[str, Proportion]:
    """The measured scores of all raced models."""
    return {c.model: c.score for c in decision.candidates if c.score}


def _heat(mistakes: Mistakes, classes: tuple[str, ...]) -> list[Markup]:
    if len(classes) > MOST_CLASSES:
        return []
    sizes = (Canvas("confusion-wide", 520, 0), Canvas("confusion-narrow", 350, 0))
    return [heat_map(mistakes.matrix, classes, size) for size in sizes]


def _plates(mistakes: Mistakes, facts: Facts) -> tuple[list[Plate], str]:
    """The plates, and why there are no overlays where there might be."""
    side = facts.find("image_size", "data")
    where = facts.run.pixels(int(side.value)) if side else None
    ids, paths = [m.id for m in mistakes.worst], facts.splits["path"]
    pixels = read_pixels(where)[ids] if where and where.exists() else None
    drawn = Overlays() if pixels is None else draw_overlays(facts.run, pixels, [m.answer for m in mistakes.worst])
    images = [""] * len(ids) if pixels is None else [thumbnail(image) for image in pixels]
    overlays = [thumbnail(image) for image in drawn.images] or [""] * len(ids)
    plates = zip(mistakes.worst, images, overlays, strict=True)
    return [Plate(mistake=m, path=paths[m.id], image=i, overlay=o) for m, i, o in plates], drawn.reason
