"""What `anmok scale-search` prints."""

from pathlib import Path

import pytest

from anmok.api.scale_search import ScaleSearch
from anmok.backbone import Scaling
from anmok.catalogue.scaling import UNSCALED
from anmok.cli.app import main
from anmok.cli.show_scaling import show_scaling
from anmok.evaluation.measurements import Measurement
from anmok.selection.scaling.grid import Axis, Triple
from anmok.selection.scaling.verdict import Placed, ScalingVerdict, Standing

WIDE = Triple(
    scaling=Scaling(1.0, 1.4, 1.0), axis=Axis.WIDTH, image_size=32, params=2_000_000, macs=200, ratio=2.0
)  # fmt: skip
BASE = Triple(scaling=UNSCALED, axis=Axis.NONE, image_size=32, params=1_000_000, macs=100, ratio=1.0)
ROW = Measurement(subject="m", metric="select_accuracy", value=0.815, low=0.79, high=0.84, n=800)


def test_a_search_is_shown_with_its_table_and_the_line_to_go_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    placed = (
        Placed(triple=WIDE, standing=Standing.BEST, accuracy=ROW),
        Placed(triple=BASE, standing=Standing.FAILED, note="The loss is nan."),
    )
    show_scaling(ScaleSearch(path=Path("runs/x"), verdict=ScalingVerdict(model="m", placed=placed, claims=())))
    said = capsys.readouterr().out
    assert "1.00 1.40  1.00 x 2.00     32    2 M 81.5 [79, 84] best     width only" in said
    assert "unscaled: The loss is nan." in said
    assert "is (1, 1.4, 1): 81.5 % [79.0, 84.0] of 800 images, with 2.00 times the MACs." in said
    assert 'anmok.scale("m", phi=1, alpha=1, beta=1.4, gamma=1)' in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "'nowhere'"),
        (["fashion", "--model", "efficientnet_nan"], "Did you mean 'efficientnet_nano'"),
        (["fashion", "--constraint", "20"], "--constraint must lie between 1.2 and 8 times the MACs: got 20.0."),
        (["fashion", "--budget", "soon"], "--budget takes a number"),
        (["fashion", "--model", "mlp_nano"], "Compound scaling multiplies depths and widths: MlpSpec has none."),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["scale-search", *arguments, "--out", str(tmp_path / "run")])
    said = capsys.readouterr().err
    assert leaving.value.code == 2
    assert said.startswith("anmok: ")
    assert sentence in said
    assert len(said.splitlines()) == 1
