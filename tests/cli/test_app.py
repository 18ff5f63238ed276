"""The command line as a stranger meets it: what it prints, where, and with which exit code."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anmok.cli.app import app, main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    try:
        main(arguments)
        code = 0
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)).save(path)


def test_the_verbs_are_these() -> None:
    """A verb is added on purpose, with its page in the README."""
    verbs = {name for name in app if not name.startswith("-")}
    one_model = {"train", "evaluate", "predict", "export", "recipes", "scale-search"}
    understanding = {"probe", "compare", "explain", "biases", "claims"}
    others = {"select", "demo", "report", "audit", "pack", "models", "card", "experience", "bench"}
    assert verbs == others | one_model | understanding


def test_help_does_not_import_torch_and_nothing_imports_torchvision() -> None:
    code = (
        "import sys; from anmok.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'polars', 'numpy', 'torchvision'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.endswith("[]\n")
    assert "Which vision backbone" in said.stdout


def test_no_module_imports_torchvision() -> None:
    code = (
        "import importlib, pkgutil, sys, anmok\n"
        "for m in pkgutil.walk_packages(anmok.__path__, 'anmok.'):\n"
        "    if m.name != 'anmok.__main__': importlib.import_module(m.name)\n"
        "print({'torchvision', 'timm'} & set(sys.modules), __import__('os').environ['OMP_WAIT_POLICY'])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set() PASSIVE\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["card", "convnxt_tiny"], "anmok: No model is called 'convnxt_tiny'. Did you mean 'convnext_tiny'"),
        (["select", "nowhere"], "'nowhere'"),
        (["audit", "nowhere"], "'nowhere'"),
        (["predict", "nowhere", "a.jpg"], "No trained model in 'nowhere'"),
        (["export", "nowhere"], "No trained model in 'nowhere'"),
        (["report", "nowhere"], "'nowhere' is not a run of Anmok"),
        (["select", "fashion", "--budget", "soon"], "--budget takes a number"),
        (["select", "fashion", "--max-latency", "fast"], "--max-latency takes a number"),
        (["select", "fashion", "--objective", "f1"], 'Invalid value "f1" for --objective'),
        (["select", "fashion", "--costs", "nowhere.csv"], "'nowhere.csv' cannot be read (No such file or directory)"),
        (["select", "fashion", "--models", "vit_nanno"], "Did you mean 'vit_nano'"),
        (["select"], "--data requires an argument"),
        (["select", "fashion", "--colour", "red"], "--colour"),
        (["chose"], "chose"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *arguments)
    last = err.strip().splitlines()[-1]
    assert code == 2
    assert last.startswith("anmok: ")
    assert sentence in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "is empty. Give a folder with one sub-folder of images per class."),
        (["only/a.png", "only/b.png"], "needs at least two classes: 'photos' has only 'only'"),
        (["a/1.png", "a/2.png", "b/1.png"], "needs at least 2 images: 'b' has 1"),
    ],
)
def test_folders_that_cannot_be_used_say_why(
    files: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, name in enumerate(files):
        picture(folder / name, i)
    code, _, err = run(capsys, "select", str(folder), "--out", str(tmp_path / "run"))
    assert code == 2
    assert err.startswith("anmok: ")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_models_are_listed_and_cards_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "models", "cifar_resnet2*")
    assert code == 0
    assert "cifar_resnet20" in out
    code, out, _ = run(capsys, "card", "cmt_nano")
    assert code == 0
    assert "a preset of ours" in " ".join(out.split())
    code, out, _ = run(capsys, "card", "cifar_resnet20")
    assert "269,722" in out


def test_models_are_filtered_by_the_licence_of_their_weights(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "models", "cmt_*", "--licence", "permissive")
    assert (code, "cmt_tiny" in out, "cmt_nano" in out) == (0, True, False)
    code, _, err = run(capsys, "models", "cmt_*", "--licence", "free")
    assert code == 2
    assert err.startswith("anmok: A licence is permissive, apache-2.0 or ")
    code, out, _ = run(capsys, "card", "convit_tiny")
    assert 'anmok.create_model("convit_tiny.fb_in1k", pretrained=True)' in out
    assert "descends from" in out


def test_an_audit_lists_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for i in range(12):
        picture(tmp_path / "photos" / "ab"[i % 2] / f"{i}.png", i)
    (tmp_path / "photos" / "a" / "broken.png").write_bytes(b"\x89PNG no more")
    code, out, _ = run(capsys, "audit", str(tmp_path / "photos"))
    assert code == 0
    assert "13 images, 2 classes" in out
    assert "broken.png" in out
