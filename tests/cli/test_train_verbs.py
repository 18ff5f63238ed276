"""`anmok train` and `anmok evaluate` as a stranger meets them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anmok.cli.app import main


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, random = tmp_path_factory.mktemp("images") / "photos", np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 190)):
        (root / name).mkdir(parents=True)
        for i in range(15):
            pixels = np.clip(random.normal(level, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i:02}.png")
    return root


def test_training_and_evaluation_say_how_good_it_is(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    main(["train", "mlp_nano", str(photos), "--set", "epochs=2", "batch-size=8", "--out", run])
    said = capsys.readouterr()
    assert "mlp_nano answers " in said.out
    assert "of 6 untouched test images right." in said.out
    assert f"model   {run}/best" in said.out
    assert "recipe: default, from scratch" in said.err
    main(["evaluate", run, str(photos)])
    said = capsys.readouterr()
    assert "6 test images of 30, as the run split them" in said.err
    for words in ("recall %", "dark", "light", "accuracy", "of 6 images", "macro F1", "calibration error"):
        assert words in said.out
    main(["evaluate", run, str(photos), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy"]["n"] == 6
    assert np.sum(found["confusion"]) == 6


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "mlp_nanno", "PHOTOS"], "Did you mean 'mlp_nano'"),
        (["train", "mlp_nano", "nowhere"], "'nowhere'"),
        (["train", "mlp_nano", "PHOTOS", "--set", "epochs"], "--set takes settings such as epochs=10: got 'epochs'."),
        (["train", "mlp_nano", "PHOTOS", "--set", "epochz=3"], "Did you mean 'epochs'?"),
        (["train", "mlp_nano", "PHOTOS", "--recipe", "deitt"], "Did you mean 'deit'?"),
        (["train", "mlp_nano", "PHOTOS", "--recipe", "deit:hard"], "Distillation needs a teacher"),
        (["train", "mlp_nano", "PHOTOS", "--learning-rate", "fast"], "--learning-rate"),
        (["train", "mlp_nano", "PHOTOS", "--log", "wandb"], "A training is logged to csv, tensorboard or mlflow"),
        (["evaluate", "nowhere", "PHOTOS"], "No trained model in 'nowhere'"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    sentence: str,
    photos: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as leaving:
        main([str(photos) if word == "PHOTOS" else word for word in arguments])
    assert leaving.value.code == 2
    err = capsys.readouterr().err
    assert sentence in " ".join(err.split())
    assert "Traceback" not in err
