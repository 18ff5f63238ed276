from dataclasses import replace

import pytest
import torch

from anmok.catalogue import create_model, list_models, require_model
from anmok.catalogue.scaling import scale
from anmok.errors import RequestError, SpecError
from anmok.evaluation.cost import count_macs, count_params
from presets import NANO

UNSCALABLE = ("airbench", "alexnet", "googlenet", "inception", "mlp")
SCALABLE = [name for name in list_models() if require_model(name).family not in UNSCALABLE]


def macs(name, spec):
    with torch.device("meta"):
        return count_macs(require_model(name).architecture.model(spec), *spec.img_size)


def spec(name):
    return require_model(name).spec


def test_b2_is_b0_scaled_once():
    # The authors rounded the resolution, 1.15 * 224 = 257.6, up to 260.
    assert replace(scale("efficientnet_b0", 1), img_size=(260, 260)) == spec("efficientnet_b2")
    assert scale("efficientnet_b0", phi=1).img_size == (256, 256)


@pytest.mark.parametrize(("phi", "variant"), [(0.5, 1), (1, 2), (2, 3), (5, 5), (6, 6), (7, 7)])
def test_the_papers_variants_are_close_to_its_equation(phi, variant):
    scaled, published = scale("efficientnet_b0", phi), spec(f"efficientnet_b{variant}")
    assert scaled.img_size[0] == pytest.approx(published.img_size[0], rel=0.03)
    for ours, theirs in zip(scaled.rows, published.rows, strict=True):
        assert ours.width == pytest.approx(theirs.width, rel=0.17)
        assert len(ours.expansions) == pytest.approx(len(theirs.expansions), abs=2)


@pytest.mark.parametrize("phi", [2, 4, 7])
def test_macs_of_efficientnet_grow_as_the_equation_says(phi):
    grown = macs("efficientnet_b0", scale("efficientnet_b0", phi)) / macs("efficientnet_b0", spec("efficientnet_b0"))
    # Rows of one or two blocks are rounded up, so it is rather more. The paper's B7 has 98 times B0's: 1.92^7 = 96.
    assert 0.95 < grown / (1.2 * 1.1**2 * 1.15**2) ** phi < 1.35


@pytest.mark.parametrize(
    "name",
    [
        "cmt_small",
        "convnext_base",
        "convnext_isotropic_base",
        "deit_small_patch16_224",
        "mobilenetv3_large_100",
        "resnet101",
        "swin_small_patch4_window7_224",
        "vit_base_patch16_224",
    ],
)
def test_macs_of_other_families_grow_with_the_product(name):
    grown = macs(name, scale(name, 2)) / macs(name, spec(name))
    assert 0.7 < grown / spec(name).scaling.macs ** 2 < 1.5


def test_cmts_variants_are_cmt_s_scaled():
    base, small = scale("cmt_small", 1), scale("cmt_small", -1)
    published = spec("cmt_base")
    assert (base.widths, base.depths, base.img_size) == (published.widths, published.depths, published.img_size)
    assert small.widths == spec("cmt_xsmall").widths
    assert small.img_size[0] == pytest.approx(spec("cmt_xsmall").img_size[0], rel=0.03)
    # The paper: alpha * beta^1.5 * gamma^2 = 2.35, about 2.5; published: 9.3 / 4.0.
    assert spec("cmt_small").scaling.macs == pytest.approx(1.2 * 1.3**1.5 * 1.15**2)
    assert macs("cmt_small", base) / macs("cmt_small", spec("cmt_small")) == pytest.approx(9.3 / 4.0, rel=0.1)


def test_zero_changes_nothing():
    for name in SCALABLE:
        assert replace(scale(name, 0), img_size=spec(name).img_size) == spec(name)


def test_what_is_multiplied_by_one_stays():
    deeper = scale("swin_nano", 1, alpha=2.0, beta=1.0, gamma=1.0)
    assert deeper == replace(spec("swin_nano"), depths=deeper.depths)
    assert deeper.depths == tuple(2 * n for n in spec("swin_nano").depths)


@pytest.mark.parametrize("name", [name for name in NANO if name in SCALABLE])
def test_every_family_with_depths_and_widths_scales(name):
    with torch.device("meta"):
        specs = [scale(name, phi) for phi in (0, 0.5, 1, 2)]
        sizes = [count_params(create_model(name, spec=spec, num_classes=3)) for spec in specs]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 1.5 * sizes[0]
    scaled = create_model(name, spec=scale(name, 1), num_classes=3, img_size=32).eval()
    assert scaled(torch.randn(1, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize("name", [name for name in NANO if name not in SCALABLE])
def test_a_family_without_depths_and_widths_says_so(name):
    with pytest.raises(
        SpecError, match=r"^Compound scaling multiplies depths and widths: \w+ has none\. Choose another"
    ):
        scale(name, 1)


def test_widths_of_coatnets_transformers_are_multiples_of_a_heads():
    base = spec("coatnet_0_224")
    scaled = scale("coatnet_0_224", 1, alpha=1.5, beta=1.3, gamma=1.0)
    assert scaled.widths == (128, 248, 512, 992)
    assert (scaled.depths, scaled.stem_width) == ((3, 5, 8, 3), 80)
    assert all(width % base.head_width == 0 for width in scaled.widths[2:])
    assert 0.8 < macs("coatnet_0_224", scaled) / macs("coatnet_0_224", base) / (1.5 * 1.3**2) < 1.25


def test_heads_share_the_channels_of_the_scaled_net_and_patches_fill_the_image():
    scaled = scale("vit_huge_patch14_224", 1)
    assert scaled.width == 1408
    assert scaled.depth == 39
    assert scaled.img_size == (252, 252)


def test_found_factors_take_the_place_of_the_papers():
    found = scale("resnet18", 1, alpha=1.5, beta=1.0, gamma=1.25)
    assert (found.depths, found.widths, found.img_size) == ((3, 3, 3, 3), (64, 128, 256, 512), (280, 280))


def test_a_scaled_net_runs():
    scaled = scale("efficientnet_nano", -1)
    model = require_model("efficientnet_nano").architecture.model(scaled, num_classes=3).eval()
    assert model(torch.randn(1, 3, *scaled.img_size)).shape == (1, 3)


def test_a_family_that_cannot_be_scaled_names_others():
    with pytest.raises(SpecError) as error:
        scale("mlp_nano", 1)
    assert str(error.value) == (
        "Compound scaling multiplies depths and widths: MlpSpec has none. "
        "Choose another family, such as efficientnet, resnet or vit."
    )


@pytest.mark.parametrize("wish", [{"phi": 40}, {"phi": float("nan")}, {"phi": 1, "beta": 0.9}])
def test_factors_and_phi_have_a_range(wish):
    with pytest.raises(RequestError, match=r"^Compound scaling takes alpha, beta and gamma from 1 to 10, and phi from"):
        scale("efficientnet_b0", **wish)
