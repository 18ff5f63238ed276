from functools import cache

import pytest

from anmok.backbone import Scaling
from anmok.catalogue.scaling import UNSCALED
from anmok.errors import ImageSizeError, RequestError, SpecError
from anmok.selection.scaling import grid
from anmok.selection.scaling.grid import COUNTED, NOMINAL, Axis, Triple, find_triples, scaled_spec


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "STEPS", Scaling(depth=0.5, width=0.1, resolution=0.1))


@cache
def triples(model: str = "resnet_nano", side: int = 32, constraint: float = 2.0) -> list[Triple]:
    return find_triples(model, side, 10, constraint)


def test_the_unscaled_network_and_each_axis_alone_come_first() -> None:
    assert [t.axis for t in triples()[:4]] == [Axis.NONE, Axis.DEPTH, Axis.WIDTH, Axis.RESOLUTION]
    assert (triples()[0].scaling, triples()[0].ratio) == (UNSCALED, 1.0)
    assert {t.axis for t in triples()[4:]} == {Axis.COMPOUND}
    for triple in triples()[1:4]:
        assert sum(factor > 1 for factor in triple.scaling) == 1
        assert triple.ratio == pytest.approx(2, rel=COUNTED)


def test_compound_triples_keep_the_constraint_by_equation_and_by_count() -> None:
    for triple in triples()[4:]:
        depth, width, resolution = triple.scaling
        assert depth * width**2 * resolution**2 == pytest.approx(2, rel=NOMINAL)
        assert triple.ratio == pytest.approx(2, rel=COUNTED)
        assert sum(factor > 1 for factor in triple.scaling) > 1


def test_no_two_triples_give_the_same_network_and_every_factor_has_an_effect() -> None:
    specs = [scaled_spec("resnet_nano", 32, t.scaling) for t in triples()]
    assert len(set(specs)) == len(specs)
    for triple in triples():
        for axis, factor in enumerate(triple.scaling):
            less = Scaling(*(1.0 if i == axis else f for i, f in enumerate(triple.scaling)))
            changed = scaled_spec("resnet_nano", 32, less) != scaled_spec("resnet_nano", 32, triple.scaling)
            assert changed is (factor > 1)


def test_costs_are_those_of_the_network() -> None:
    unscaled, _, width, resolution = triples()[:4]
    assert (unscaled.image_size, width.image_size) == (32, 32)
    assert resolution.image_size > 32
    assert unscaled.params == 1_007_210 == resolution.params
    assert width.params > 1.5 * unscaled.params
    assert width.macs == pytest.approx(width.ratio * unscaled.macs)


def test_what_cannot_be_scaled_is_one_sentence() -> None:
    with pytest.raises(SpecError, match=r"^Compound scaling multiplies depths and widths: MlpSpec has none"):
        find_triples("mlp_nano", 32, 10, 2.0)
    with pytest.raises(ImageSizeError, match="The nearest size that works is"):
        find_triples("vit_nano", 30, 10, 2.0)
    with pytest.raises(RequestError) as error:
        find_triples("vgg_nano", 28, 10, 1.2)
    assert str(error.value) == (
        "No triple of factors multiplies the MACs of vgg_nano at 28 pixels by about 1.2: its layers, channels or "
        "pixels are too few. Choose a larger --model, --image-size or --constraint."
    )
