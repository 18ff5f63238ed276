import json
from pathlib import Path

import numpy as np
import pytest
import torch

from anmok.errors import DataError, ExportError, RequestError, WeightsError
from anmok.serving import ExportReport, load, trained
from random_classifiers import noise, random_classifier


def test_a_run_directory_and_its_best_are_the_same_classifier(run, photos):
    whole, best = load(run), load(str(run / "best"))
    assert whole.classes == best.classes == ("cat", "dog", "owl")
    assert whole.config == best.config == random_classifier().config
    assert whole.predict(photos) == best.predict(photos)
    assert whole.facts == {"data": "pets", "test_accuracy": 0.875}


def test_predictions_are_the_networks_softmax(run, photos):
    predictions = load(run).predict([photos / "a", photos / "b"])
    order = [*range(0, 70, 2), *range(1, 70, 2)]
    assert [p.path.name for p in predictions] == [f"{i:02}.png" for i in order]
    with torch.inference_mode():
        logits = random_classifier()(torch.from_numpy(noise(70)[order]).float() / 255)
    for prediction, row in zip(predictions, logits.softmax(1).numpy(), strict=True):
        assert prediction.label == ("cat", "dog", "owl")[row.argmax()]
        assert prediction.probability == pytest.approx(row.max(), abs=1e-5)
        assert prediction.top[0] == (prediction.label, prediction.probability)
        np.testing.assert_allclose([share for _, share in prediction.top], np.sort(row)[::-1], atol=1e-5)
        assert prediction.error is None


def test_as_many_classes_as_asked_for(run, photos):
    (prediction,) = load(run).predict(photos / "a" / "00.png", top_k=2)
    assert len(prediction.top) == 2
    assert prediction.top[0][1] >= prediction.top[1][1]


def test_a_bad_file_among_good_ones_keeps_its_place(run, photos):
    missing = photos / "missing.png"
    first, second, third = load(run).predict([photos / "a" / "00.png", missing, photos / "notes.txt"])
    assert first.error is None
    assert (
        second.error == f"The image '{missing}' cannot be read: no such file or directory. Replace or delete the file."
    )
    assert (second.label, second.probability, second.top) == (None, None, ())
    assert third.error is not None
    assert "it is not an image of a known kind" in third.error


def test_progress_is_told(run, photos):
    seen = []
    load(run).predict(photos, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (70, 70)


def test_nothing_readable(run, photos):
    with pytest.raises(DataError, match=r"^The image '.*missing.png' cannot be read: no such file or directory. Rep"):
        load(run).predict(photos / "missing.png")
    with pytest.raises(DataError, match=r"^None of the 2 files can be read. The image '.*notes.txt' cannot be read"):
        load(run).predict([photos / "notes.txt", photos / "missing.png"])


def test_fewer_than_one_class(run, photos):
    with pytest.raises(
        RequestError, match=r"^At least one class is kept of each answer: got top_k=0. Give 1 or more.$"
    ):
        load(run).predict(photos, top_k=0)


def test_a_directory_without_a_classifier(tmp_path):
    with pytest.raises(WeightsError, match=r"^No trained model in '.*': config.json is missing. Name the folder of"):
        load(tmp_path)


def test_saving_keeps_all_that_is_known(run, photos, tmp_path):
    classifier = load(run)
    classifier.save(tmp_path / "copy")
    copy = load(tmp_path / "copy")
    assert copy.predict(photos) == classifier.predict(photos)
    assert json.loads((tmp_path / "copy/config.json").read_text()) == json.loads((run / "best/config.json").read_text())


def test_saving_where_nothing_can_be_written(run, photos):
    with pytest.raises(ExportError, match=r"notes.txt' cannot be written: file exists. Choose another directory.$"):
        load(run).save(photos / "notes.txt")


REPORT = ExportReport(path=Path("best.onnx"), size=1, images=1, agreement=1.0, largest_difference=0.0)


@pytest.fixture
def checked(monkeypatch) -> list[tuple[Path, np.ndarray]]:
    """What an export would write, and the images that it would be checked on."""
    calls: list[tuple[Path, np.ndarray]] = []

    def export(_: object, path: Path, images: np.ndarray, *, dynamic_size: bool) -> ExportReport:
        calls.append((path, images))
        return REPORT

    monkeypatch.setattr(trained, "export_onnx", export)
    return calls


def test_an_export_is_checked_on_the_runs_test_images(run, checked):
    assert load(run / "best").export("best.onnx") == REPORT
    ((path, images),) = checked
    assert path == Path("best.onnx")
    np.testing.assert_array_equal(images, noise(30)[1::2])


def test_an_export_is_checked_on_the_images_that_are_named(run, photos, checked):
    load(run).export("best.onnx", check_images=photos / "a")
    np.testing.assert_array_equal(checked[0][1], noise(70)[::2])


def test_an_export_of_a_dynamic_size_needs_convolutions(run, tmp_path):
    with pytest.raises(ExportError, match=r"^A dynamic size needs a convolutional network: mlp_nano \(kind: MLP\) is"):
        load(run).export(tmp_path / "best.onnx", dynamic_size=True)


def test_an_export_without_images(run, tmp_path):
    load(run).save(tmp_path / "alone" / "best")
    with pytest.raises(ExportError, match=r"^An export is checked on real images: '.*alone' keeps none of 32 x 32"):
        load(tmp_path / "alone").export(tmp_path / "best.onnx")


def test_an_unknown_format(run):
    with pytest.raises(RequestError, match=r"^A classifier is exported to onnx: got 'tflite'.$"):
        load(run).export("best.tflite", to="tflite")
