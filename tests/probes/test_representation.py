from math import nan

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anmok.catalogue import create_model
from anmok.probes import Normalised, Status, Subject, pink_noise
from anmok.probes.linear_probe import first_near_best, left_out
from anmok.probes.representation import METRICS, PROBE, distant_mean, representation
from anmok.probes.run import ask
from anmok.probes.similarity import cka, effective_rank
from anmok.scores.ridge import ridge
from small_backbones import Tokenise, fingerprint


def features(n: int = 20, d: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(d: int, seed: int = 1) -> torch.Tensor:
    return torch.linalg.qr(features(d, d, seed))[0]


def of_song(first: torch.Tensor, second: torch.Tensor) -> float:
    """Song et al. 2012, eq. 5, as it stands there, in a ratio."""
    n, one = len(first), torch.ones(len(first), dtype=torch.float64)

    def hsic(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        k, m = x @ x.T, y @ y.T
        k.fill_diagonal_(0)
        m.fill_diagonal_(0)
        whole = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
        return ((k @ m).trace() + whole - 2 / (n - 2) * one @ k @ m @ one) / (n * (n - 3))

    return float(hsic(first, second) / (hsic(first, first) * hsic(second, second)).sqrt())


def test_features_are_like_themselves_rotated_and_scaled():
    x = features()
    assert cka(x, x) == pytest.approx(1)
    assert cka(x, 3 * x @ rotation(6)) == pytest.approx(1)


def test_independent_noise_is_not_alike():
    """The biased estimate finds 0.888 here."""
    pairs = [(features(64, 512, 2 * seed), features(64, 512, 2 * seed + 1)) for seed in range(10)]
    assert abs(np.mean([cka(*pair) for pair in pairs])) < 0.01
    assert max(abs(cka(*pair)) for pair in pairs) < 0.06


def test_it_is_the_estimate_of_song():
    x, noise = features(12, 5), features(12, 7, 1)
    y = torch.cat((x, noise), dim=1).relu()
    assert cka(x, y) == pytest.approx(of_song(x, y), abs=1e-12)


@settings(max_examples=30)
@given(st.integers(4, 12), st.integers(1, 9), st.integers(0, 99), st.floats(0.01, 100), st.floats(-10, 10))
def test_its_invariances(n, d, seed, factor, offset):
    x, y = features(n, d, seed), features(n, 3, seed + 1)
    value = cka(x, y)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert value <= 1 + 1e-9
    for other in (cka(y, x), cka(factor * x @ rotation(d) + offset, y), cka(x[order], y[order])):
        assert other == pytest.approx(value, rel=1e-6, abs=1e-9)


def test_constant_features_are_like_nothing():
    assert np.isnan(cka(torch.full((5, 3), 0.3), features(5)))


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_the_rank_of_equal_directions(rank):
    rows = torch.linalg.qr(features(32, 8) - features(32, 8).mean(0))[0][:, :rank].numpy()
    assert effective_rank(7 * rows @ rotation(rank).numpy() + 3) == pytest.approx(rank)


def test_the_rank_of_unequal_directions():
    """Singular values 3 : 1 have the entropy of (3/4, 1/4)."""
    rows = np.array([[3.0, 0], [-3, 0], [0, 1], [0, -1]])
    assert effective_rank(rows) == pytest.approx(np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)))
    assert np.isnan(effective_rank(np.full((4, 3), 0.1)))


@pytest.mark.parametrize(("n", "d"), [(30, 4), (20, 50)])
def test_leaving_one_out_is_the_projects_ridge(n, d):
    labels = np.arange(n) % 3
    rows = features(n, d).numpy() + np.eye(3)[labels] @ np.eye(3, d) * 2
    assert (left_out(rows, labels) == ridge(rows, labels).correct).all()


def test_constant_features_name_no_class():
    labels = np.repeat([0, 1], 5)
    assert not left_out(np.full((10, 3), 0.5), labels).any()  # without an image its class is the rarer one


def test_the_first_block_near_the_best():
    right = np.zeros((20, 4))
    for block, count in enumerate((10, 19, 18, 20)):
        right[:count, block] = 1
    assert first_near_best(right, 0.95) == 0.5
    assert first_near_best(right, 1.0) == 1.0


def test_distant_pairs_are_more_than_a_third_apart():
    map = np.arange(16.0).reshape(4, 4)
    assert distant_mean(map) == np.mean([map[0, 2], map[1, 3], map[0, 3]])
    map[0, 2] = nan
    assert distant_mean(map) == np.mean([map[1, 3], map[0, 3]])
    assert np.isnan(distant_mean(np.ones((1, 1))))


class Mix(nn.Module):
    """A block of 1 x 1 convolutions that rotates the channels, or what it is told to be."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


def rotating(channels: int, seed: int) -> Mix:
    conv = nn.Conv2d(channels, channels, 1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(rotation(channels, seed)[:, :, None, None])
    return Mix(conv)


class Noise(nn.Module):
    """Has nothing to do with what it takes."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, 3))
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.randn(x.shape, generator=self.generator)


class Averaged(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


def subject(network: nn.Module, n: int = 64, size: int = 8, labels: torch.Tensor | None = None) -> Subject:
    return Subject(name="toy", network=network, pixels=pink_noise(n, 3, size, size), labels=labels, source="noise")


def test_a_chain_of_rotations_is_one_representation():
    network = nn.Sequential(*(rotating(3, seed) for seed in range(4)))
    similarity, rank, depth = representation(subject(network))
    assert similarity.value == pytest.approx(1, abs=1e-5)
    assert (similarity.map.shape, similarity.blocks, similarity.n) == ((4, 4), ("0", "1", "2", "3"), 64)
    assert similarity.low == pytest.approx(1, abs=1e-4)
    assert 1 < rank.value <= 3
    assert rank.note == "of 3 at most"
    assert depth.note == "it needs the classes of the images, and none were given"


def test_blocks_of_noise_are_the_null():
    network = nn.Sequential(*(Mix(Noise(seed)) for seed in range(4)), rotating(3, 0))
    similarity, _, _ = representation(subject(network, n=128))
    assert abs(similarity.map[:3, 3:]).max() < 0.05
    assert similarity.low < 0.02  # no two of the distant pairs have anything in common
    assert abs(similarity.value) < 0.05
    assert similarity.map[3, 4] == pytest.approx(1, abs=1e-5)


def test_batches_are_averaged_before_the_ratio():
    network = nn.Sequential(rotating(3, 0), Mix(nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU())))
    seen = subject(network, n=40)  # two whole batches of 16
    with torch.no_grad():
        first = network[0](seen.images()).double()
        second = network[1](first.float()).double()
    similarity, _, _ = representation(seen)
    n, terms = 16, []
    for part in (slice(0, 16), slice(16, 32)):
        kernels = [x[part].flatten(1) @ x[part].flatten(1).T for x in (first, second)]
        centred = []
        for kernel in kernels:
            kernel.fill_diagonal_(0)
            sums, total = kernel.sum(0), kernel.sum()
            centred.append(kernel - sums[:, None] / (n - 2) - sums / (n - 2) + total / ((n - 1) * (n - 2)))
            centred[-1].fill_diagonal_(0)
        terms.append(
            [float((a * b).sum()) for a, b in ((centred[0], centred[1]), (centred[0],) * 2, (centred[1],) * 2)]
        )
    both, one, two = np.mean(terms, axis=0)
    assert similarity.map[0, 1] == pytest.approx(both / np.sqrt(one * two), rel=1e-4)
    assert (similarity.n, similarity.low) == (32, None)


def test_the_classes_become_linear_where_the_block_says_so():
    """The label is whether two channels have the same sign of deviation: not linear before their product."""

    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat((x[:, :2], (x[:, :1] - 0.5) * (x[:, 1:2] - 0.5)), dim=1)

    bits = torch.randint(2, (80, 2), generator=torch.Generator().manual_seed(0))
    pixels = torch.cat((bits, torch.zeros(80, 1, dtype=torch.long)), dim=1) * 200 + 27
    pixels = pixels[:, :, None, None].expand(80, 3, 4, 4).to(torch.uint8)
    labels = (bits[:, 0] == bits[:, 1]).long()
    network = nn.Sequential(rotating(3, 0), rotating(3, 1), Mix(nn.Sequential(Pick(), Product())), rotating(3, 2))
    depth = representation(Subject(name="toy", network=network, pixels=pixels, labels=labels, source="bits"))[2]
    assert (depth.value, depth.low, depth.high, depth.n) == (0.75, 0.75, 0.75, 80)
    assert depth.accuracies["0"].value < 0.7
    assert depth.accuracies["2"].value == 1.0
    assert depth.chance == pytest.approx(float(labels.bincount().max()) / 80)


class Pick(nn.Module):
    """Takes the rotations back."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = (rotation(3, 1) @ rotation(3, 0)).float()
        return torch.einsum("oc,bchw->bohw", both.T, x)


def test_the_rank_is_that_of_what_the_head_takes():
    network = nn.Sequential(rotating(3, 0), rotating(3, 1), Averaged(), nn.Linear(3, 5))
    with torch.no_grad():
        embedding = network[:3](subject(network).images()).double().numpy()
    assert representation(subject(network))[1].value == pytest.approx(effective_rank(embedding), rel=1e-5)


def test_labels_that_are_noise():
    labels = torch.randint(2, (64,), generator=torch.Generator().manual_seed(1))
    depth = representation(subject(create_model("resnet_nano", num_classes=2), 64, 8, labels))[2]
    assert depth.note.startswith("by the best block, ")
    assert "which is not above the" in depth.note


def test_too_few_images():
    for result in representation(subject(rotating(3, 0), n=3)):
        assert result.status is Status.NOT_APPLICABLE
        assert result.note == "it needs 4 images or more, and there are 3"


def test_a_network_without_blocks():
    similarity, rank, _ = representation(subject(nn.Sequential(nn.Flatten(), nn.Linear(192, 4))))
    assert similarity.note == "it needs two blocks that put out a tensor with a row for each image"
    assert rank.value > 1
    _, rank, _ = representation(subject(nn.Flatten()))
    assert rank.note == "neither a linear head nor a last block has finite features with a row for each image"


def test_a_network_that_is_blind():
    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ones_like(x) * self.weight.mean()

    network = nn.Sequential(Mix(Blind()), Mix(Blind()), Averaged(), nn.Linear(3, 2))
    similarity, rank, _ = representation(subject(network))
    assert similarity.note == "no two distant blocks have finite features that differ between images"
    assert rank.note == "all images have the same embedding"


def test_tokens_are_pooled_over_places():
    class Tokens(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return Tokenise()(x).tokens

    network = nn.Sequential(rotating(3, 0), Mix(nn.Sequential(nn.Conv2d(3, 3, 1), Tokens())), Mix(nn.Linear(3, 3)))
    similarity, rank, _ = representation(subject(network))
    assert similarity.blocks == ("0", "1", "2")
    assert 1 < rank.value <= 3


def test_the_network_is_left_as_it_was():
    network = create_model("resnet_nano", num_classes=3).train()
    network.stages[0].eval()
    network(torch.rand(2, 3, 32, 32)).sum().backward()
    before = fingerprint(network)
    representation(subject(network, 20, 32, torch.arange(20) % 3))
    assert fingerprint(network) == before


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "coatnet_nano", "mlp_nano"])
def test_every_kind_can_be_probed(name):
    network = Normalised(create_model(name, num_classes=3), (0.5,) * 3, (0.25,) * 3)
    results = ask(PROBE, subject(network, 48, 32, torch.arange(48) % 3))
    assert [(r.metric, r.definition, r.unit) for r in results] == list(METRICS)
    assert results[0].status is results[1].status is Status.OK
    assert -0.1 < results[0].value <= 1
    assert results[0].low < results[0].value
    assert results[1].low < results[1].value < results[1].high


def test_one_channel_and_a_plain_chain():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )
    results = representation(Subject(name="toy", network=network, pixels=pink_noise(20, 1, 8, 8), source="noise"))
    assert results[0].blocks == ("0", "2", "5")
    assert results[1].status is Status.OK
