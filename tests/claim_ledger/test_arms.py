"""What arms measure, against closed forms, and small real runs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from anmok.api.claims import put_to_the_test
from anmok.catalogue import create_model
from anmok.claims import LEDGER, Material, Records, run_claim
from anmok.claims.ledger.data_growth import crossing
from anmok.claims.ledger.deformable import object_shares
from anmok.claims.ledger.past import curves, data_sets
from anmok.claims.ledger.reductions import drop_reductions
from anmok.data import load_data
from anmok.errors import DataError
from anmok.evaluation.cost import count_macs
from anmok.layers import DeformConv


@pytest.fixture(scope="module")
def fashion() -> Material:
    return Material(load_data("fashion"))


def test_seeds_have_their_own_images_for_training_and_share_those_for_testing(fashion: Material):
    first, again, other = (fashion.training(16, 5, seed) for seed in (1, 1, 2))
    assert first is again
    assert first.pixels.shape == other.pixels.shape == (50, 3, 16, 16)
    assert (first.labels == other.labels).all()
    assert (first.pixels != other.pixels).any()
    assert len(fashion.testing(16).labels) == 1000
    assert set(fashion.some(16, 60, 1).labels.tolist()) == set(range(10))


def test_too_few_images_are_one_sentence(fashion: Material):
    with pytest.raises(DataError) as caught:
        fashion.training(16, 500, 0)
    assert str(caught.value) == (
        "Every class needs 500 images in train: 'fashion' has 400. "
        "Give a folder that has more of them, in train and test."
    )


def test_curves_cross_where_the_gap_is_nothing():
    ahead = {16: 50.0, 32: 55.0, 64: 60.0}
    behind = {16: 42.0, 32: 49.0, 64: 56.0}  # 8, 6, 4 points: nothing after two more doublings
    assert crossing(ahead, behind) == 256
    assert crossing(ahead, {n: a - 5 for n, a in ahead.items()}) == "none"


def test_recorded_curves_rise_with_images():
    names = data_sets(("resnet_nano", "vit_nano"))
    assert len(names) >= 6
    curve = curves()[names[0]]["resnet_nano"]
    assert list(curve) == sorted(curve)
    assert all(0 < accuracy <= 100 for accuracy in curve.values())


def test_modules_without_reductions_cost_what_the_table_says():
    """Each module of GoogLeNet at 224 x 224 by hand: c n k^2 for c r + r n k^2."""
    with torch.device("meta"):
        network = create_model("googlenet_2014")
        before = count_macs(network, 224, 224)
        drop_reductions(network)
    more, width = 0, 192
    for side, rows in zip((28, 14, 7), network.spec.modules, strict=True):
        for row in rows:
            for reduced, out, taps in ((row.reduce3, row.conv3, 9), (row.reduce5, row.conv5, 25)):
                more += side**2 * (width * out * taps - width * reduced - reduced * out * taps)
            width = row.out
    assert count_macs(network, 224, 224) - before == more


def deform(offsets: torch.Tensor, object_: torch.Tensor) -> list[float]:
    conv = DeformConv(1, 1, 3, padding=1, modulated=True)
    shifts = torch.cat((offsets, torch.zeros(len(offsets), 9, *offsets.shape[2:])), dim=1)
    return object_shares(conv, torch.zeros(len(offsets), 1, 6, 6), shifts, object_).tolist()


def test_without_offsets_taps_look_where_those_of_a_convolution_do():
    object_ = torch.zeros(1, 1, 12, 12)
    object_[:, :, 4:8, 4:8] = 1  # 2 x 2 places of a 6 x 6 map: each sees 4 of its 9 taps there
    assert deform(torch.zeros(1, 18, 6, 6), object_) == pytest.approx([4 / 9] * 4)


def test_taps_that_all_look_at_their_middle_lie_on_the_object():
    object_ = torch.zeros(1, 1, 6, 6)
    object_[:, :, 2:4, 2:4] = 1
    inward = -torch.cartesian_prod(torch.arange(-1.0, 2), torch.arange(-1.0, 2)).reshape(1, 18, 1, 1)
    assert deform(inward.expand(1, 18, 6, 6), object_) == pytest.approx([4 / 9, 1, 1, 1])


def test_offsets_of_another_image_know_nothing_of_this_one():
    """The first image's taps look at their middle; the second has no object, and taps like a convolution's."""
    object_ = torch.zeros(2, 1, 6, 6)
    object_[0, :, 2:4, 2:4] = 1
    inward = -torch.cartesian_prod(torch.arange(-1.0, 2), torch.arange(-1.0, 2)).reshape(1, 18, 1, 1)
    offsets = torch.cat((inward.expand(1, 18, 6, 6), torch.zeros(1, 18, 6, 6)))
    assert deform(offsets, object_) == pytest.approx([4 / 9, 1, 1, 4 / 9])


def test_a_whole_map_of_object_ends_at_its_border():
    """Of 36 places, 16 see all their taps on the map, 16 lose 3 of 9 and 4 lose 5."""
    inside = (16 * 9 + 16 * 6 + 4 * 4) / (36 * 9)
    assert deform(torch.zeros(1, 18, 6, 6), torch.ones(1, 1, 6, 6))[0] == pytest.approx(inside)


def test_a_claim_is_trained_taught_and_judged(fashion: Material, tmp_path: Path):
    """Distillation with four images a class, the shortest training there is."""
    claim = LEDGER["distillation"]
    tiny = replace(claim, arms=lambda scale: {n: replace(a, per_class=4) for n, a in claim.arms(scale).items()})
    records = Records(tmp_path / "r.jsonl")
    found = run_claim(tiny, fashion, records, scale=0.01, seeds=2)
    assert found.data == "fashion"
    assert list(found.replicates["1"]) == ["teacher", "plain", "distilled"]
    row = found.replicates["2"]["distilled"]
    assert (row["images"], row["epochs"], row["params"]) == (40, 1, 1_003_028)
    assert 0 <= row["test accuracy"] <= 100
    again = run_claim(tiny, fashion, Records(tmp_path / "r.jsonl"), scale=0.01, seeds=2)
    assert again.replicates == found.replicates


def test_a_training_starts_from_its_seed(fashion: Material, tmp_path: Path):
    arm = replace(LEDGER["gating"].arms(0.01)["with"], per_class=4)
    claim = replace(LEDGER["gating"], arms=lambda scale: {"with": arm, "without": arm})
    found = run_claim(claim, fashion, Records(tmp_path / "r.jsonl"), seeds=2)
    one, two = found.replicates["1"], found.replicates["2"]
    assert one["with"]["loss"] == one["without"]["loss"] != two["with"]["loss"]


def test_zeros_tell_positions_and_circles_do_not(tmp_path: Path):
    (found,) = put_to_the_test(["padding"], seeds=2, records=tmp_path / "r.jsonl")
    zeros, circular = (found.replicates["1"][arm]["position readout"] for arm in ("zeros", "circular"))
    assert zeros > 0.3
    assert abs(circular) < 0.05


def test_recorded_trainings_need_no_images(tmp_path: Path):
    (found,) = put_to_the_test(["hybrids"], data="nowhere", records=tmp_path / "r.jsonl")
    assert len(found.replicates) >= 6
    assert found.data == ""


def test_gradients_of_a_looked_at_network_are_not_left_behind(fashion: Material):
    arm = LEDGER["auxiliary"].arms(0.01)["with"]
    train = fashion.training(32, 1, 0)
    network = arm._network(fashion.data.classes, train, 0)
    look = arm.before(network, train, train)
    assert look["gradient of stem, at initialisation"] > 0
    assert all(p.grad is None for p in network.parameters())
    plain = LEDGER["auxiliary"].arms(0.01)["without"]._network(fashion.data.classes, train, 0)
    shared = {n: p for n, p in network.named_parameters() if ".auxiliary." not in n}
    assert all(torch.equal(p, shared[n]) for n, p in plain.named_parameters())
    assert sum(isinstance(m, nn.Dropout) for m in network.modules()) > 0
