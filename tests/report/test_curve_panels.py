"""Panels show the decision's own posteriors and every measured point."""

import re
from xml.etree import ElementTree

import pytest

from anmok.report.curves import AHEAD, curve_panels, read_curves
from anmok.selection.decide import decide
from anmok.selection.evidence import read_evidence
from anmok.selection.run_directory import RunDirectory


def test_curves_pass_through_the_decisions_expectations(run: RunDirectory) -> None:
    evidence, decision = read_evidence(run.measurements), decide(run.measurements)
    for curve in read_curves(evidence, decision):
        expected = decision[curve.model].expected
        assert expected is not None
        nearest = min(curve.trend, key=lambda e: abs(e.images - evidence.train_images))
        assert nearest.mean == pytest.approx(expected.mean, abs=0.01)
        assert curve.ahead.images == AHEAD * evidence.train_images
        assert [trial.images for trial in curve.measured] == sorted(trial.images for trial in curve.measured)


def test_one_panel_per_model_with_all_its_points(run: RunDirectory) -> None:
    evidence, decision = read_evidence(run.measurements), decide(run.measurements)
    panels = curve_panels(read_curves(evidence, decision), evidence.train_images)
    assert [p.curve.model for p in panels] == [c.model for c in decision.candidates if c.expected]
    for panel in panels:
        root = ElementTree.fromstring(panel.drawing)
        classes = [element.get("class") or "" for element in root.iter()]
        assert classes.count("spot") == len(panel.curve.measured)
        assert sum(css.startswith("ghost") for css in classes) == len(panels) - 1
        assert sum(css.startswith("band") for css in classes) == 1


def test_band_begins_where_the_measurements_end(run: RunDirectory) -> None:
    evidence, decision = read_evidence(run.measurements), decide(run.measurements)
    panels = {p.curve.model: p.drawing for p in curve_panels(read_curves(evidence, decision), evidence.train_images)}

    def width(model: str) -> float:
        xs = [
            float(p.split(",")[0])
            for p in re.findall(r'polygon points="([^"]*)" class="band', panels[model])[0].split()
        ]
        return max(xs) - min(xs)

    assert width("mlp_nano") > width("vit_nano") > width("cmt_nano")
