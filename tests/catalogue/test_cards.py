import pytest

from anmok.backbone import ImageSizes, Kind
from anmok.catalogue import card, list_models, require_model
from anmok.catalogue.published import read_published

PUBLISHED = [name for name in list_models() if not require_model(name).is_ours]


def test_every_published_preset_has_a_row_and_every_row_a_preset():
    assert set(read_published()) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_equal_the_published_count(name):
    row = read_published()[name]
    assert card(name).params == row["params"]
    assert set(row) <= {"params", "num_classes", "macs", "results", "notes"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_card_has_an_accuracy_with_its_source_or_says_why_not(name):
    found = card(name)
    assert not found.ours
    assert found.results or found.notes
    assert found.macs
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
    assert found.paper == 'Liu et al. 2021, "Swin Transformer", arXiv:2103.14030'
    assert (found.image_size, found.image_sizes) == ((224, 224), ImageSizes())
    assert [(r.top1, r.pretrain) for r in found.results] == [(81.3, "ImageNet-1k"), (80.9, "ImageNet-22k")]
    assert found.bias.endswith(".")


@pytest.mark.parametrize("name", list_models("*_nano"))
def test_presets_of_ours_say_so_and_claim_nothing(name):
    found = card(name)
    assert found.ours
    assert found.num_classes == 10
    assert found.results == ()
    assert found.macs is None
    assert found.image_size == (32, 32)
