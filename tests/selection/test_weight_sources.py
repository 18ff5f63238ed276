from pathlib import Path

import pytest

from anmok.backbone import Kind
from anmok.catalogue import require_model
from anmok.catalogue.public import PERMISSIVE, read_public
from anmok.catalogue.starters import list_starters
from anmok.errors import RequestError, UnknownNameError
from anmok.selection import sources
from anmok.selection.prepare import Sides
from anmok.selection.sources import choose_sides, find_sources, identify


@pytest.fixture
def folder(tmp_path: Path) -> str:
    files = ("resnet18.pth", "resnet18.safetensors", "resnet18.mine.bin", "vit_nano.pt", "notes.txt", "other.pth")
    for number, name in enumerate(files):
        (tmp_path / name).write_bytes(bytes([number]))
    return str(tmp_path)


def test_without_names_small_presets_of_each_kind_with_free_weights_start() -> None:
    names = find_sources((), None)
    assert list(names) == sorted(list_starters())
    assert set(names.values()) == {None}
    kinds = [require_model(name).architecture.kind for name in names]
    assert all(kinds.count(kind) > 1 for kind in (Kind.CNN, Kind.TRANSFORMER, Kind.HYBRID))
    assert all(read_public()[name][0].licence in PERMISSIVE for name in names)


def test_wildcards_find_presets_with_public_weights_and_tags_the_weights_themselves() -> None:
    assert list(find_sources(("resnet?4", "*_nano"), None)) == ["convnext_nano", "resnet34"]
    assert list(find_sources(("resnet18.a?_in1k",), None)) == [f"resnet18.a{i}_in1k" for i in (1, 2, 3)]
    assert list(find_sources(("mlp_nano",), None)) == ["mlp_nano"]  # left out later, with the reason


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("mlp_*", r"^'mlp_\*' matches no model that has public weights\. Name others, or leave --models out\.$"),
        ("resnet18.a9_in1k", r"^No public weights of resnet18 are called 'a9_in1k'\. Did you mean"),
        ("resnet181", r"^No model is called 'resnet181'\. Did you mean 'resnet18'"),
    ],
)
def test_what_cannot_be_a_candidate_is_one_sentence(pattern: str, message: str) -> None:
    with pytest.raises((RequestError, UnknownNameError), match=message):
        find_sources((pattern,), None)


def test_a_folder_has_files_that_are_called_as_presets(folder: str) -> None:
    found = find_sources((), folder)
    assert {name: file.name for name, file in found.items() if file} == {
        "resnet18": "resnet18.safetensors",
        "resnet18.mine": "resnet18.mine.bin",
        "vit_nano": "vit_nano.pt",
    }
    assert list(find_sources(("resnet*",), folder)) == ["resnet18", "resnet18.mine"]
    assert list(find_sources(("vit_nano", "mlp_nano"), folder)) == ["mlp_nano", "vit_nano"]
    with pytest.raises(RequestError, match=r"^'mlp_\*' matches no model that has a file in '.*'\. Name others"):
        find_sources(("mlp_*",), folder)


def test_a_folder_without_weights_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"^The files in a folder of weights are called as models, such as resnet18"):
        find_sources((), str(tmp_path))
    with pytest.raises(
        RequestError, match=r"^--weights takes a folder: got '.*none', which is none\. Check the path\.$"
    ):
        find_sources((), str(tmp_path / "none"))


def test_weights_are_known_again_by_their_tag_or_their_content(folder: str) -> None:
    assert identify("resnet18", None) == "resnet18+a1_in1k" == identify("resnet18.a1_in1k", None)
    one, other = (identify(name, Path(folder) / f"{name}.{ending}") for name, ending in NAMES)
    assert one.startswith("resnet18+")
    assert len(one) == len("resnet18+") + 8
    assert one != other


NAMES = (("resnet18", "safetensors"), ("resnet18.mine", "bin"))


def test_the_sides_are_those_of_the_weights_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MOST", {})
    assert choose_sides(["resnet18", "cmt_tiny", "inception_v3"]) == Sides(lowest=64, highest=224, step=32)
    assert choose_sides(["cmt_tiny"]).highest == 160
    assert choose_sides(["cifar_resnet20"]) == Sides(lowest=32, highest=32, step=32)
    monkeypatch.undo()
    assert choose_sides(["resnet18.a1_in1k"]).highest in (128, 224)
