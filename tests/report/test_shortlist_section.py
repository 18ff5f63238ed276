from collections.abc import Callable
from dataclasses import replace

from anmok.evaluation.measurements import Measurement
from anmok.report import write_report
from anmok.selection.material import WEIGHTS
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory
from anmok.selection.shortlisting import SHORTLIST_SECONDS
from recorded_run import Scene

SHARES = {"resnet_nano": 0.71, "vit_nano": 0.82, "mlp_nano": 0.4}


def test_the_scores_stand_in_the_report_best_first(build: Callable[[Scene], RunDirectory]) -> None:
    run = build(Scene())
    assert 'id="shortlist"' not in write_report(run).read_text()
    replace(Request.read(run.request), pretrained=True, weights="my weights").write(run.request)
    for model, share in SHARES.items():
        ridge = Measurement(
            subject=model, metric="ridge_score", value=share, low=share - 0.03, high=share + 0.03, n=640
        )
        others = [replace(ridge, metric=f"{name}_score", value=0.5) for name in ("lda", "neighbours", "logme")]
        run.measurements.append([ridge, *others])
    kept = Measurement(subject="vit_nano", metric=WEIGHTS, value=1.0, note="vit_nano+own<er>")
    run.measurements.append([kept, Measurement(subject="run", metric=SHORTLIST_SECONDS, value=75.0, unit="s")])
    page = write_report(run).read_text()
    section = page[page.index('<section id="shortlist"') : page.index('<section id="curves"')]
    places = [section.index(f" {model} <span") for model in ("vit_nano", "resnet_nano", "mlp_nano")]
    assert places == sorted(places)
    assert "<td>vit_nano+own&lt;er&gt;</td>" in section
    assert section.count("<td>not raced</td>") == 2
    assert "82.0<small>[79.0,\N{NO-BREAK SPACE}85.0]</small>" in section
    assert "640 train images" in section
    assert "start from pretrained weights and are fine-tuned on the same" in page
    assert '<th scope="row">Shortlist</th>' in page
    assert "--pretrained --weights &#39;my weights&#39;" in page
