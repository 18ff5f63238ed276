import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anmok.data.augment import Mixing, mix, one_hot

MIXINGS = st.builds(
    Mixing, mixup=st.sampled_from([0.0, 0.2, 1.0]), cutmix=st.sampled_from([0.0, 0.5, 1.0]), probability=st.just(0.9)
)


def batch(count: int, seed: int = 0, side: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, side, side + 2, generator=generator)
    return images, one_hot(torch.randint(0, 5, (count,), generator=generator), 5, smoothing=0.1)


def test_smoothed_targets_give_the_loss_that_label_smoothing_gives() -> None:
    logits, labels = torch.randn(6, 5, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 4, 2, 2, 1, 3])
    expected = nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert nn.functional.cross_entropy(logits, one_hot(labels, 5, 0.1)) == pytest.approx(expected)
    assert torch.equal(one_hot(labels, 5).argmax(1), labels)


@settings(max_examples=80)
@given(MIXINGS, st.integers(0, 7), st.integers(0, 2**31))
def test_laws_of_mixing(mixing: Mixing, count: int, seed: int) -> None:
    images, targets = batch(count, seed % 100)
    before = images.clone()
    mixed, shares = mix(images, targets, mixing, np.random.default_rng(seed))
    assert torch.equal(images, before)
    assert shares.sum(1).tolist() == pytest.approx([1] * count, abs=1e-6)
    if count % 2:
        assert torch.equal(mixed[-1], images[-1])
        assert torch.equal(shares[-1], targets[-1])
    for first in range(0, count - 1, 2):  # what one image of a pair gives away, the other gets
        pair = slice(first, first + 2)
        assert torch.allclose(mixed[pair].sum(0), images[pair].sum(0), atol=1e-5)
        assert torch.allclose(shares[pair].sum(0), targets[pair].sum(0), atol=1e-5)
    for start, end in ((0, 2), (2, 6)):  # a part of even length is mixed as the whole is
        part, own = mix(images[start:end], targets[start:end], mixing, np.random.default_rng(seed))
        assert len(part) % 2 or torch.equal(part, mixed[start:end])
        assert len(part) % 2 or torch.equal(own, shares[start:end])


@settings(max_examples=60)
@given(st.integers(0, 2**31))
def test_cutmix_takes_each_pixel_from_one_of_two_and_the_share_is_that_of_the_pixels(seed: int) -> None:
    images, _ = batch(2)
    mixed, shares = mix(images, torch.eye(2), Mixing(cutmix=1.0), np.random.default_rng(seed))
    other = (mixed[0] == images[1]).all(0)
    assert torch.equal(mixed[0][:, ~other], images[0][:, ~other])
    assert other.any(1).sum() * other.any(0).sum() == other.sum()
    assert float(shares[0, 1]) == pytest.approx(float(other.float().mean()))


def test_mixup_blends_images_and_targets_alike_and_leaves_equal_images_alone() -> None:
    images, _ = batch(2)
    mixed, shares = mix(images, torch.eye(2), Mixing(mixup=1.0), np.random.default_rng(5))
    own, other = shares[0].tolist()
    assert 0.01 < other < 0.99
    assert torch.allclose(mixed[0], own * images[0] + other * images[1], atol=1e-6)
    same = images[:1].expand(4, -1, -1, -1)
    for seed in range(20):
        assert torch.equal(mix(same, torch.eye(4), Mixing(mixup=0.8), np.random.default_rng(seed))[0], same)


def test_shares_come_from_the_beta_distribution_and_choices_from_their_probabilities() -> None:
    images = torch.stack((torch.zeros(3, 8, 8), torch.ones(3, 8, 8)))
    kinds = {"same": 0, "mixup": 0, "cutmix": 0}
    blends = []
    for seed in range(1500):
        both = Mixing(mixup=0.4, cutmix=1.0, probability=0.8, cutmix_share=0.25)
        mixed, shares = mix(images, torch.eye(2), both, np.random.default_rng(seed))
        values = mixed[0].unique()
        kind = "same" if mixed is images else "cutmix" if set(values.tolist()) <= {0.0, 1.0} else "mixup"
        kinds[kind] += 1
        if kind == "mixup":
            blends.append(float(shares[0, 1]))
    assert abs(kinds["same"] / 1500 - 0.2) < 0.04
    assert abs(kinds["cutmix"] / 1500 - 0.2) < 0.04
    assert abs(np.var(blends) - 0.25 / 1.8) < 0.02  # of Beta(a, a): 1 / (4 (2 a + 1))


def test_nothing_is_mixed_where_nothing_is_asked_for() -> None:
    images, targets = batch(4)
    assert mix(images, targets, Mixing(), np.random.default_rng(0)) == (images, targets)
    assert mix(images, targets, Mixing(mixup=1, probability=0), np.random.default_rng(0))[0] is images
