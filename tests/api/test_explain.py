"""Explanations of a trained model's answers, in Python and in a terminal."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anmok.api.explain import explain
from anmok.cli.app import main
from anmok.errors import DataError, RequestError, UnknownNameError
from anmok.training.classifier import save_classifier
from random_classifiers import noise, random_classifier


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    save_classifier(random_classifier("resnet_nano"), root / "best")
    return root


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images of one name in two folders, and a file that is none."""
    root = tmp_path_factory.mktemp("photos")
    for folder, pixels in zip("ab", noise(2), strict=True):
        (root / folder).mkdir()
        Image.fromarray(pixels.transpose(1, 2, 0)).save(root / folder / "cat.png")
    (root / "broken.jpg").write_bytes(b"no image")
    return root


def test_every_image_gets_an_overlay_of_its_own(run: Path, photos: Path, tmp_path: Path) -> None:
    found = [e for e in explain(run, photos, out=tmp_path / "out", check=True) if not e.error]
    assert [e.overlay for e in found] == [tmp_path / "out" / f"{name}.grad-cam.png" for name in ("cat", "cat-2")]
    for e in found:
        assert e.target == e.label
        assert e.target_probability == e.probability
        assert e.deletion is not None
        assert e.overlay is not None
        with Image.open(e.overlay) as image:
            assert image.size == (768, 384)
            assert np.asarray(image).std() > 1


def test_answers_are_those_of_predict(run: Path, photos: Path, tmp_path: Path) -> None:
    from anmok.serving import load

    said = load(run).predict(photos / "a")[0]
    (found,) = explain(run / "best", photos / "a", target="owl", out=tmp_path)
    assert (found.label, found.target) == (said.label, "owl")
    assert found.probability == pytest.approx(said.probability, abs=1e-4)
    assert found.target_probability == pytest.approx(dict(said.top)["owl"], abs=1e-4)


def test_what_cannot_be_read_is_said_of_the_file_alone(run: Path, photos: Path, tmp_path: Path) -> None:
    found = explain(run, [photos / "broken.jpg", photos / "a"], out=tmp_path)
    assert (found[0].error or "").startswith(f"The image '{photos / 'broken.jpg'}' cannot be read: ")
    assert found[1].overlay is not None
    with pytest.raises(DataError, match=r"^The image '.*broken.jpg' cannot be read: "):
        explain(run, photos / "broken.jpg", out=tmp_path)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("cart", r"^The model knows no class 'cart'. Did you mean 'cat'\?$"),
        ("zebra", "^The model knows no class 'zebra'. It knows cat, dog, owl.$"),
    ],
)
def test_a_class_that_the_model_does_not_know(run: Path, photos: Path, target: str, sentence: str) -> None:
    with pytest.raises(UnknownNameError, match=sentence):
        explain(run, photos, target=target)


def test_a_method_that_does_not_fit(run: Path, photos: Path, tmp_path: Path) -> None:
    message = r"^Attention rollout needs .*: this network has no attention that can be seen. grad-cam fits"
    with pytest.raises(RequestError, match=message):
        explain(run, photos, method="rollout", out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_place_that_cannot_be_written(run: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RequestError, match=r"' cannot be written: .*\. Choose another --out\.$"):
        explain(run, photos, out=tmp_path / "file")


def test_the_verb_prints_what_was_found(
    run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["explain", str(run), str(photos), "--target", "dog", "--check", "--out", str(out)]
    main(words)
    said = capsys.readouterr().out
    assert "broken.jpg' cannot be read" in said
    assert f"{out / 'cat-2.grad-cam.png'}" in said
    assert said.count("deletion: ") == 2
    assert "times; ratio " in said
    with pytest.raises(SystemExit) as leaving:
        main([*words[:3], "--target", "dogg"])
    assert leaving.value.code == 2
    assert "Did you mean 'dog'?" in capsys.readouterr().err
