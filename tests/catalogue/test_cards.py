import tomllib
from pathlib import Path

import pytest
import torch

from anmok.backbone import ImageSizes, Kind
from anmok.catalogue import card, list_models, require_network
from anmok.catalogue.names import parents
from anmok.catalogue.published import read_families, read_published
from anmok.errors import UnknownNameError
from presets import NANO

PUBLISHED = [name for name in list_models(task=None) if not require_network(name).is_ours]


def test_every_published_preset_has_a_row_and_every_row_a_preset():
    assert set(read_published()) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_equal_the_published_count(name):
    row, preset = read_published()[name], require_network(name)
    with torch.device("meta"):
        found = card(name)
        model = preset.architecture.model(preset.spec, **found.sizes)
    assert sum(p.numel() for p in model.parameters()) == found.params == row["params"]
    assert set(row) <= {"params", *found.sizes, "macs", "results", "notes"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_card_has_an_accuracy_with_its_source_or_says_why_not(name):
    found = card(name)
    assert not found.ours
    assert found.results or found.notes
    assert found.macs or found.image_size is None
    for result in found.results:
        assert 50 < result.top1 < 100
        assert result.source
        assert result.reproduced is None or abs(result.reproduced - result.top1) < 4
    for note in found.notes:
        assert note.endswith(".")


def test_a_card_says_what_a_model_is():
    found = card("swin_tiny_patch4_window7_224")
    assert found.kind is Kind.TRANSFORMER
    assert found.kind == "Transformer"
    assert str(found.paper) == 'Liu et al. 2021, "Swin Transformer", arXiv:2103.14030'
    assert (found.image_size, found.image_sizes) == ((224, 224), ImageSizes())
    assert [(r.top1, r.pretrain) for r in found.results] == [(81.3, "ImageNet-1k"), (80.9, "ImageNet-22k")]
    assert found.bias.endswith(".")
    assert found.about == (
        "Attention inside small windows that shift from block to block, on maps that shrink like a CNN's. A variant of "
        "the Transformer of Liu et al. 2021, with 28.3 M parameters and built for images of 224 x 224 pixels."
    )
    assert found.relations == "pairs inside shifting windows by content and offset"
    assert found.code == 'anmok.create_model("swin_tiny_patch4_window7_224.ms_in1k", pretrained=True)'
    assert {weights.licence for weights in found.weights} == {"MIT"}


def test_a_card_of_one_weight_file_shows_that_file():
    (weights,) = card("resnet50.tv_in1k").weights
    assert (weights.tag, weights.licence) == ("tv_in1k", "BSD-3-Clause")
    with pytest.raises(UnknownNameError, match="No public weights of resnet50 are called 'tv'"):
        card("resnet50.tv")
    assert card("mlp_nano").code is None


def test_the_family_tree_is_that_of_the_declared_lines_of_descent():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    lines = [line for rule in project["tool"]["importlinter"]["contracts"] for line in rule.get("ignore_imports", [])]
    declared = {tuple(end.removeprefix("anmok.zoo.") for end in line.split(" -> ")) for line in lines}
    families = {require_network(name).family for name in list_models(task=None)}
    assert {(child, parent) for child in families for parent in parents(child)} == declared
    assert card("convit_tiny").parents == ("vit",)
    assert "convit" in card("vit_nano").children


def test_every_family_has_entities_relations_and_an_invariance():
    assert set(read_families()) == {require_network(name).family for name in list_models(task=None)}
    assert all(set(row) == {"entities", "relations", "invariance"} for row in read_families().values())


@pytest.mark.parametrize("name", NANO)
def test_presets_of_ours_say_so_and_claim_nothing(name):
    found = card(name)
    assert found.ours
    assert found.sizes == {"num_classes": 10}
    assert found.results == ()
    assert found.macs is None
    assert found.image_size == (32, 32)
