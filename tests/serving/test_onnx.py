import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import anmok.serving.onnx as exporting
from anmok.errors import ExportError
from anmok.serving import ExportReport, export_onnx
from random_classifiers import SIZE, noise, random_classifier


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "best.onnx"
    export_onnx(random_classifier(), path, noise(3))
    return path


@pytest.mark.parametrize("model", ["resnet_nano", "vit_nano"])
def test_a_classifier_answers_alike_after_its_export(model, tmp_path, capfd, caplog):
    """Warnings are errors here, so this also shows that the exporter says nothing to the user."""
    report = export_onnx(random_classifier(model), tmp_path / "new" / "best.onnx", noise(20))
    assert (report.agreement, report.images) == (1.0, 20)
    assert report.largest_difference < 1e-4
    assert report.size == report.path.stat().st_size
    assert [p.name for p in report.path.parent.iterdir()] == ["best.onnx"]
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_batch_of_any_size_gives_pytorchs_logits(exported):
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    for size in (1, 2, 7, 33):
        (logits,) = session.run(["logits"], {"pixels": noise(size)})
        with torch.inference_mode():
            expected = random_classifier()(torch.from_numpy(noise(size)).float() / 255).numpy()
        np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_the_file_says_how_to_use_it(exported):
    model = onnx.load(exported)
    onnx.checker.check_model(model)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["classes"]) == ["cat", "dog", "owl"]
    assert (facts["model"], facts["image_size"], facts["anmok"]) == ("mlp_nano", str(SIZE), "0.1.0")
    assert facts["resize"] == "upright RGB; the centre square, resized by antialiased bicubic interpolation (Pillow)"
    shape = model.graph.input[0].type.tensor_type
    assert shape.elem_type == onnx.TensorProto.UINT8
    assert [d.dim_param or d.dim_value for d in shape.shape.dim] == ["batch", 3, SIZE, SIZE]


@pytest.mark.compile
def test_a_convolutional_network_takes_images_of_any_size(tmp_path):
    classifier = random_classifier("resnet_nano")
    report = export_onnx(classifier, tmp_path / "any.onnx", noise(3), dynamic_size=True)
    assert report.largest_difference < 1e-4
    model = onnx.load(report.path)
    assert [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [
        "batch",
        3,
        "height",
        "width",
    ]
    assert {entry.key: entry.value for entry in model.metadata_props}["image_sizes"] == "any"
    session = onnxruntime.InferenceSession(report.path, providers=["CPUExecutionProvider"])
    for height, width in ((32, 32), (64, 96), (19, 25)):
        pixels = np.random.default_rng(0).integers(0, 256, (2, 3, height, width), dtype=np.uint8)
        (logits,) = session.run(["logits"], {"pixels": pixels})
        with torch.inference_mode():
            expected = classifier(torch.from_numpy(pixels).float() / 255).numpy()
        np.testing.assert_allclose(logits, expected, atol=1e-5)


@pytest.mark.parametrize(("model", "kind"), [("mlp_nano", "MLP"), ("vit_nano", "Transformer"), ("cmt_nano", "hybrid")])
def test_a_network_that_is_laid_out_for_one_size(model, kind, tmp_path):
    message = (
        rf"^A dynamic size needs a convolutional network: {model} \(kind: {kind}\) is laid out for 32 x 32 pixels. "
        "Export it for that size, without dynamic_size.$"
    )
    with pytest.raises(ExportError, match=message):
        export_onnx(random_classifier(model), tmp_path / "best.onnx", noise(1), dynamic_size=True)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_answers_otherwise_at_another_size_is_refused(exported, tmp_path, monkeypatch):
    classifier, sizes = random_classifier("resnet_nano"), []

    def answer(pixels):
        sizes.append(pixels.shape[2:])
        with torch.inference_mode():
            return classifier(torch.from_numpy(pixels).float() / 255).numpy() + (pixels.shape[2] < SIZE)

    monkeypatch.setattr(exporting, "write_graph", lambda _, path, **__: shutil.copy(exported, path))
    monkeypatch.setattr(exporting, "Session", lambda _: answer)
    with pytest.raises(ExportError, match=r"the largest logit difference 1 \(0\.001 allowed\) on 3 images"):
        export_onnx(classifier, tmp_path / "best.onnx", noise(3), dynamic_size=True)
    assert sizes == [(32, 32), (32, 32), (69, 77), (24, 25)]


def tampered(exported: Path, change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., None]:
    """In place of the exporter: the good file with other biases of the head."""

    def write(_: object, path: Path, **__: object) -> None:
        model = onnx.load(exported)
        bias = next(t for t in model.graph.initializer if t.name.endswith("head.bias"))
        bias.CopyFrom(onnx.numpy_helper.from_array(change(onnx.numpy_helper.to_array(bias)), bias.name))
        onnx.save(model, path)

    return write


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda bias: bias + np.float32([99, 0, 0]), r"top-1 agreement is \d+\.\d % .* difference 99 "),
        (lambda bias: bias + np.float32(0.01), r"top-1 agreement is 100\.0 % .* difference 0\.01 "),
        (lambda bias: bias * np.float32("nan"), r"difference nan "),
    ],
    ids=["another class", "another logit", "no number"],
)
def test_a_model_that_answers_otherwise_is_refused_and_removed(change, words, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "write_graph", tampered(exported, change))
    kept = tmp_path / "best.onnx"
    kept.write_bytes(b"an earlier export")
    message = rf"^The ONNX model must answer like the original: .*{words}\(0\.001 allowed\) on 20 images\. Nothing was"
    with pytest.raises(ExportError, match=message):
        export_onnx(random_classifier(), kept, noise(20))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"best.onnx": b"an earlier export"}


def test_one_image_is_enough_to_run_every_batch_size(exported, tmp_path, monkeypatch):
    sizes = []
    session = exporting.Session

    class Watched(session):
        def __call__(self, pixels):
            sizes.append(len(pixels))
            return super().__call__(pixels)

    monkeypatch.setattr(exporting, "Session", Watched)
    monkeypatch.setattr(exporting, "write_graph", lambda _, path, **__: shutil.copy(exported, path))
    assert export_onnx(random_classifier(), tmp_path / "best.onnx", noise(1)).images == 1
    assert sizes == [1, 7]


def test_the_classifier_and_the_loggers_are_left_as_they_were(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "write_graph", lambda _, path, **__: shutil.copy(exported, path))
    classifier = random_classifier().train()
    level = logging.getLogger("torch.onnx").level
    export_onnx(classifier, tmp_path / "best.onnx", noise(3))
    assert all(module.training for module in classifier.modules())
    assert logging.getLogger("torch.onnx").level == level


def test_the_report_is_one_line():
    report = ExportReport(path=Path("a.onnx"), size=3 * 2**19, images=100, agreement=1.0, largest_difference=3.1e-6)
    expected = "a.onnx: 1.5 MiB; on 100 images 100.0 % top-1 agreement with PyTorch, largest logit difference 3.1e-06"
    assert str(report) == expected


def test_no_images():
    with pytest.raises(ExportError, match=r"^An export is checked on real images: got none. Give at least one.$"):
        export_onnx(random_classifier(), Path("best.onnx"), noise(0))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(exporting, "_PACKAGES", ("onnx", "no_such_package"))
    message = r"^The export to ONNX needs no_such_package: run `pip install no_such_package` and repeat.$"
    with pytest.raises(ExportError, match=message):
        export_onnx(random_classifier(), Path("best.onnx"), noise(1))


def test_a_model_that_no_onnx_file_can_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_MOST_BYTES", 2**20)
    message = r"^An ONNX file holds at most 2 GiB: mlp_nano has 0.0 GiB. Choose a smaller model.$"
    with pytest.raises(ExportError, match=message):
        export_onnx(random_classifier(), tmp_path / "best.onnx", noise(1))


def test_what_the_exporter_does_not_know(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise torch.onnx.OnnxExporterError("no rule for aten::grid_sampler\nlong story")

    monkeypatch.setattr(exporting, "translate", refuse)
    message = r"^mlp_nano cannot be translated to ONNX: no rule for aten::grid_sampler. Please report this.$"
    with pytest.raises(ExportError, match=message):
        export_onnx(random_classifier(), tmp_path / "best.onnx", noise(1))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "write_graph", lambda _, path, **__: shutil.copy(exported, path))
    folder = tmp_path / "taken.onnx"
    folder.mkdir()
    message = r"taken.onnx' cannot be written: is a directory. Choose another file.$"
    with pytest.raises(ExportError, match=message):
        export_onnx(random_classifier(), folder, noise(1))
    assert [p.name for p in tmp_path.iterdir()] == ["taken.onnx"]
