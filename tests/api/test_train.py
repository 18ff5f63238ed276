"""Training one model from a folder to a tested model, for real, on images that are learnt in seconds."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import anmok
from anmok.api.evaluate import evaluate
from anmok.api.train import Trained, train
from anmok.errors import DataError, RequestError, RunDirectoryError
from anmok.selection.run_directory import RunDirectory
from anmok.training import checkpoint, classifier
from anmok.training.recipe import Recipe

FEW = {"epochs": "3"}


class Notes:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def stage(self, name: str) -> None:
        self.said.append(name)

    def note(self, text: str) -> None:
        self.said.append(text)

    def progress(self, done: float, total: float, detail: str) -> None: ...


@pytest.fixture(scope="module")
def result(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train("mlp_nano", photos, set=FEW, out=tmp_path_factory.mktemp("runs") / "mlp")


def test_the_model_is_trained_tested_once_and_saved(result: Trained, photos: Path) -> None:
    assert result.test_accuracy.value > 0.8
    assert result.test_accuracy.n == 36
    assert result.test_accuracy.low < result.test_accuracy.value
    (answer,) = result.best.predict(photos / "red" / "000.png")
    assert answer.label in result.best.classes == ("blue", "green", "red")
    assert result.best.facts["recipe"]["epochs"] == 3
    assert (result.path / "best" / "recipe.toml").read_text().startswith("epochs = 3\n")
    rows = pl.read_csv(result.path / "log.csv")
    assert rows["epoch"].to_list() == [1, 2, 3]
    assert not list((result.path / "trials").rglob("*.safetensors"))


def test_without_evaluations_the_select_images_are_trained_on_too(photos: Path, tmp_path: Path) -> None:
    changes = {"epochs": "1", "evaluations": "0"}
    result = train("airbench_nano", photos, set=changes, out=tmp_path / "run")
    assert result.best.facts["train_images"] == 114 + 30
    assert pl.read_csv(result.path / "log.csv")["select_score"].to_list() == [None]


def test_an_evaluation_on_the_same_images_takes_the_runs_test_split_and_agrees(result: Trained, photos: Path) -> None:
    found = evaluate(result.path, photos)
    assert found.accuracy == result.test_accuracy
    assert sum(score.images for score in found.classes) == found.confusion.sum() == 36
    assert found.names == ("blue", "green", "red")
    assert 0 <= found.calibration_error <= 1
    assert found.as_dict()["classes"]["red"]["images"] == 12
    assert evaluate(result.path / "best", photos, split="train", views=6).accuracy.n == 114
    with pytest.raises(
        RequestError, match=r"^An answer is the mean over 1, 2 or 6 views: got 3\. Choose one of these\.$"
    ):
        evaluate(result.path, photos, views=3)


def test_an_evaluation_matches_classes_by_name(result: Trained, photos: Path, tmp_path: Path) -> None:
    for name in ("red", "blue"):
        shutil.copytree(photos / name, tmp_path / "some" / name, ignore=lambda *_: ["broken.png"])
    found = evaluate(result.path, tmp_path / "some")
    assert found.accuracy.n == 120
    assert found.accuracy.value > 0.8
    (tmp_path / "some" / "red").rename(tmp_path / "some" / "violet")
    message = r"^The images have classes that the model knows: 'some' has 'violet', and the model blue, green, red\."
    with pytest.raises(DataError, match=message):
        evaluate(result.path, tmp_path / "some")
    with pytest.raises(DataError, match=r"^There are no test images in 'some'\. Leave --split out to take all\.$"):
        evaluate(result.path, tmp_path / "some", split="test")


def test_the_same_call_again_repeats_nothing(result: Trained, photos: Path) -> None:
    before = (result.path / "best" / "model.safetensors").stat().st_mtime_ns
    again = train("mlp_nano", photos, set=FEW, out=result.path)
    assert again.test_accuracy == result.test_accuracy
    assert (result.path / "best" / "model.safetensors").stat().st_mtime_ns == before


def test_another_request_and_another_process_are_refused(result: Trained, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"was made with another request: epochs 3 instead of 4\. Repeat"):
        train("mlp_nano", photos, set={"epochs": "4"}, out=result.path)
    with RunDirectory(result.path), pytest.raises(RunDirectoryError, match=r"^Another process is working in"):
        train("mlp_nano", photos, set=FEW, out=result.path)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunDirectoryError, match=r"holds other files \(thesis\.txt, \.\.\.\)\. Choose an empty"):
        train("mlp_nano", photos, set=FEW, out=tmp_path)


def test_weights_are_fine_tuned_with_their_own_recipe_and_rate_is_searched_for(
    result: Trained, photos: Path, tmp_path: Path
) -> None:
    notes = Notes()
    tuned = train(
        "mlp_nano", photos, pretrained=result.path, set={"epochs": "2", "layer_decay": "0.9"},
        learning_rate="auto", out=tmp_path / "run", observer=notes,
    )  # fmt: skip
    assert "recipe: finetune, for pretrained weights" in notes.said
    (rate,) = (float(text.removeprefix("learning rate: ")) for text in notes.said if text.startswith("learning rate: "))
    assert tuned.best.facts["recipe"]["learning_rate"] == rate
    assert tuned.best.config.mean == result.best.config.mean
    assert tuned.best.config.crop_share == 0.875  # as resized crops want it
    assert evaluate(tuned.path, photos).accuracy == tuned.test_accuracy
    paths = [photos / "red" / f"{i:03}.png" for i in range(20)]
    assert {type(p.probability) for p in tuned.best.predict(paths)} == {float}


def test_a_run_teaches(result: Trained, photos: Path, tmp_path: Path) -> None:
    student = train("mlp_nano", photos, teacher=result.path, set={"epochs": "1"}, out=tmp_path / "run")
    assert student.best.facts["recipe"]["distillation"] == "hard"
    with pytest.raises(RequestError, match=r"^Distillation needs a teacher: got the recipe's distillation 'soft' and"):
        train("mlp_nano", photos, set={"distillation": "soft"}, out=tmp_path / "none")


def test_classes_are_balanced_and_sizes_reach_the_network(photos: Path, tmp_path: Path) -> None:
    for name in ("red", "blue"):
        shutil.copytree(photos / name, tmp_path / "few" / name, ignore=lambda _, names: sorted(names)[12:])
    for how, size in (("loss", 40), ("sampling", 32)):
        changes = {"epochs": "1", "class_balance": how, "drop_rate": "0.1", "image_size": "32", "test_size": str(size)}
        found = train("vit_nano", tmp_path / "few", set=changes, out=tmp_path / how)
        assert found.best.config.image_size == size
    with pytest.raises(RequestError, match=r"^A Recipe holds all settings already: got further ones\."):
        train("mlp_nano", photos, recipe=Recipe(), set=FEW, out=tmp_path / "other")


def test_an_image_that_cannot_be_read_in_the_middle_is_named(photos: Path, tmp_path: Path) -> None:
    images = tmp_path / "photos"
    shutil.copytree(photos, images)

    class Vandal(Notes):
        def stage(self, name: str) -> None:
            if name.startswith("Training"):
                (images / "green" / "007.png").write_bytes(b"\x89PNG no more")

    changes = {"epochs": "1", "augmentation": "resized-crop"}
    with pytest.raises(DataError, match=r"green/007\.png"):
        train("mlp_nano", images, set=changes, seed=2, out=tmp_path / "run", observer=Vandal())
    pixels = np.full((32, 32, 3), (40, 180, 60), np.uint8)
    Image.fromarray(pixels).save(images / "green" / "007.png")
    assert train("mlp_nano", images, set=changes, seed=2, out=tmp_path / "run").test_accuracy.n == 36


def test_a_full_disk_at_the_end_is_one_sentence_and_nothing_is_lost(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(classifier, "save_file", full)
        with pytest.raises(RunDirectoryError, match=r"is full\. Free some space and repeat the command"):
            train("mlp_nano", photos, set=FEW, out=tmp_path / "run")
    assert not (tmp_path / "run" / "best" / "config.json").exists()
    assert train("mlp_nano", photos, set=FEW, out=tmp_path / "run").test_accuracy.value > 0.8


def test_auxiliary_heads_are_trained_and_left_out_of_what_is_saved(photos: Path, tmp_path: Path) -> None:
    found = train("googlenet_nano", photos, set={"epochs": "1"}, out=tmp_path / "run")
    names = checkpoint.safe_open(found.path / "best" / "model.safetensors", framework="pt").keys()
    assert names
    assert not [name for name in names if name.startswith("auxiliary")]
    assert json.loads((found.path / "best" / "config.json").read_text())["model"] == "googlenet_nano"
    assert torch.isfinite(torch.tensor(found.test_accuracy.value))
    assert anmok.load(found.path).classes == ("blue", "green", "red")
