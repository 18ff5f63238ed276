"""Attention whose weights are given, so that every number can be written down."""

from itertools import product
from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from anmok.capture.attention_grid import attention_grid
from anmok.catalogue import create_model
from anmok.probes import Profile, Status, Subject
from anmok.probes.attention import (
    DISTANCE,
    METRICS,
    PROBE,
    AttentionDistance,
    attention_card,
    entropy,
    position_similarity,
    rollout_map,
    sinks,
)
from anmok.probes.run import ask
from small_backbones import fingerprint


class Looks(nn.Module):
    """Patches, tokens without a place before them, and blocks that look by the weights (heads, n, m) that are given."""

    def __init__(self, patch: int, *weights: Tensor, prefix: int = 0, reduction: int = 1, window: int = 0) -> None:
        super().__init__()
        heads = len(weights[0])
        self.patches = nn.Conv2d(3, 2 * heads, patch, patch)
        self.norms = nn.ModuleList(nn.LayerNorm(2 * heads) for _ in weights)
        self.prefix, self.reduction, self.window, self.heads = prefix, reduction, window, heads
        self.scores = [w.log() for w in weights]

    def forward(self, images: Tensor) -> Tensor:
        map = self.patches(images)
        for norm, scores in zip(self.norms, self.scores, strict=True):
            tokens = F.pad(map.flatten(2).mT, (0, 0, self.prefix, 0))
            tokens = norm(tokens)
            keys = F.avg_pool2d(map, self.reduction).flatten(2).mT if self.reduction > 1 else tokens
            if self.window:
                b, c, h, w = map.shape
                tokens = map.reshape(b, c, h // self.window, self.window, w // self.window, self.window)
                tokens = keys = tokens.permute(0, 2, 4, 3, 5, 1).reshape(-1, self.window**2, c)
            q, k = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (tokens, keys))
            mixed = F.scaled_dot_product_attention(0 * q, 0 * k, k, attn_mask=scores)
        return mixed.mean((1, 2))


def images(side: int | tuple[int, int] = 32, n: int = 2) -> Tensor:
    height, width = (side, side) if isinstance(side, int) else side
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(0))


def uniform(n: int, m: int | None = None, heads: int = 2) -> Tensor:
    return torch.full((heads, n, m or n), 1 / (m or n))


def one_hot(keys: list[int], m: int, heads: int = 2) -> Tensor:
    return F.one_hot(torch.tensor(keys), m).float().expand(heads, -1, -1)


def card(network: nn.Module, side: int | tuple[int, int] = 32, n: int = 2):
    return dict(zip([metric.name for metric in METRICS], attention_card(network, images(side, n)), strict=True))


@pytest.mark.parametrize(
    ("places", "patch", "pixels"), [(14, 16, 116.492), (7, 32, 115.503), (16, 14, 116.565), (8, 4, 16.546)]
)
@pytest.mark.parametrize("prefix", [0, 1, 5])
def test_uniform_attention_looks_as_far_as_places_lie_apart_on_average(places, patch, pixels, prefix):
    network = Looks(patch, uniform(prefix + places**2), prefix=prefix)
    found = card(network, places * patch)
    assert found["attention distance"].value == pytest.approx(pixels, abs=5e-4)
    assert found["attention distance at first"].value == pytest.approx(pixels, abs=5e-4)
    assert found["attention entropy"].value == pytest.approx(1)
    assert found["attention sinks"].value == 0
    assert found["attention distance"].note == "1 of 1 attentions; rows renormalised over keys with a place"


def test_tokens_that_look_at_themselves_look_nowhere_and_sharply():
    found = card(Looks(4, one_hot(list(range(64)), 64)))
    assert found["attention distance"].value == 0
    assert found["attention entropy"].value == pytest.approx(0)
    assert found["attention sinks"].value == 0


def test_the_first_block_has_its_own_number_and_blocks_are_averaged():
    found = card(Looks(4, one_hot(list(range(64)), 64), uniform(64)))
    assert found["attention distance at first"].value == 0
    assert found["attention distance"].value == pytest.approx(16.546 / 2, abs=1e-3)
    assert [h.tolist() for h in found["attention distance"].heads] == [[0, 0], pytest.approx([16.546] * 2, abs=1e-3)]


def test_heads_are_told_apart():
    near, far = one_hot(list(range(64)), 64, 1), one_hot([63] * 64, 64, 1)
    found = card(Looks(4, torch.cat((near, far))))
    to_corner = np.mean([4 * np.hypot(7 - r, 7 - c) for r, c in product(range(8), repeat=2)])
    (heads,) = found["attention distance"].heads
    assert heads.tolist() == pytest.approx([0, to_corner])
    assert found["attention sinks"].value == 0.5  # one of the two pours into the corner
    assert found["attention distance"].value == pytest.approx(to_corner / 2)


def test_what_goes_to_a_class_token_goes_nowhere():
    """Half of the mass: rows are made to sum to 1 again, and not shortened by half."""
    weights = torch.cat((torch.full((2, 65, 1), 0.5), torch.full((2, 65, 64), 0.5 / 64)), -1)
    found = card(Looks(4, weights, prefix=1))
    assert found["attention distance"].value == pytest.approx(16.546, abs=1e-3)
    assert found["attention sinks"].value == 1
    assert found["attention entropy"].value == pytest.approx((log(2) + 0.5 * log(64)) / log(65))


def test_attention_that_goes_nowhere_else_has_no_distance():
    found = card(Looks(4, one_hot([0] * 65, 65), prefix=1))["attention distance"]
    assert found.status is Status.NOT_APPLICABLE
    assert found.note == "all attention goes to tokens without a place"


def test_inside_windows_distances_are_those_in_the_window():
    """16 windows of 4 x 4 places, 2 pixels each."""
    places = list(product(range(4), repeat=2))
    expected = np.mean([2 * np.hypot(a - c, b - d) for (a, b), (c, d) in product(places, places)])
    found = card(Looks(2, uniform(16), window=4))
    assert found["attention distance"].value == pytest.approx(expected)
    assert found["attention distance"].note.startswith("1 of 1 attentions, 1 of them inside windows")
    assert found["attention distance"].rollout is None


def test_between_grids_of_two_finenesses():
    queries = [(4 * r + 1.5, 4 * c + 1.5) for r, c in product(range(8), repeat=2)]
    keys = [(8 * r + 3.5, 8 * c + 3.5) for r, c in product(range(4), repeat=2)]
    expected = np.mean([np.hypot(a - c, b - d) for (a, b), (c, d) in product(queries, keys)])
    found = card(Looks(4, uniform(64, 16), reduction=2))
    assert found["attention distance"].value == pytest.approx(expected)
    assert found["attention distance"].rollout is None


def test_an_image_that_is_not_square():
    places = [(8 * r, 8 * c) for r, c in product(range(4), range(6))]
    expected = np.mean([np.hypot(a - c, b - d) for (a, b), (c, d) in product(places, places)])
    found = card(Looks(8, uniform(24)), (32, 48))["attention distance"]
    assert found.value == pytest.approx(expected)
    assert found.rollout.shape == (4, 6)


@settings(max_examples=20)
@given(st.integers(2, 6), st.integers(1, 6), st.integers(0, 99))
def test_entropy_and_sinks_of_any_weights(n, heads, seed):
    scores = 5 * torch.randn(2, heads, n, n, generator=torch.Generator().manual_seed(seed))
    weights = scores.softmax(-1)
    by_hand = -(weights.double() * weights.double().log()).sum(-1).mean(-1) / log(n)
    torch.testing.assert_close(entropy(weights), by_hand)
    assert ((sinks(weights) == 1) == (weights.sum(2) > 0.3 * n).any(-1)).all()


@pytest.mark.parametrize("depth", [1, 4])
def test_rollout_of_uniform_attention(depth):
    found = card(Looks(4, *[uniform(64)] * depth))["attention distance"]
    np.testing.assert_allclose(found.rollout, np.full((8, 8), 1 / 64))


def test_rollout_is_read_at_the_class_token():
    """It looks at place 5 alone, and the others at themselves."""
    network = Looks(4, one_hot([6, *range(1, 65)], 65), prefix=1)
    rollout = card(network)["attention distance"].rollout
    assert rollout.shape == (8, 8)
    assert rollout[0, 5] == pytest.approx(1)
    assert rollout.sum() == pytest.approx(1)


def test_blocks_of_different_tokens_have_no_rollout():
    grid = attention_grid(torch.ones(1, 1, 4, 4), 1, (32, 32), {4})
    assert rollout_map([torch.ones(1, 1, 4, 4), torch.ones(1, 1, 5, 5)], grid) is None
    assert rollout_map([torch.ones(1, 1, 4, 5)], grid) is None


class Channels(nn.Module):
    """Attention among 16 channels of 9 tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)

    def forward(self, x: Tensor) -> Tensor:
        channels = self.patches(x).flatten(2)[:, None]
        return F.scaled_dot_product_attention(channels, channels, channels).mean((1, 3))


def test_channels_are_no_places():
    found = card(Channels(), 24)
    for metric in METRICS[:-1]:
        assert found[metric.name].status is Status.NOT_APPLICABLE
        assert found[metric.name].note == "none of the attention that was seen (16 x 16) is among places"


def test_a_class_token_that_looks_alone_has_no_place():
    """As in CaiT's last blocks: one query, all tokens as keys."""

    class Asking(Looks):
        def forward(self, x: Tensor) -> Tensor:
            super().forward(x)
            tokens = self.norms[0](self.patches(x).flatten(2).mT)
            query, keys = (t.unflatten(-1, (2, -1)).transpose(1, 2) for t in (tokens[:, :1], tokens))
            return F.scaled_dot_product_attention(query, keys, keys).mean((1, 2))

    found = card(Asking(4, uniform(64)))["attention distance"]
    assert found.value == pytest.approx(16.546, abs=1e-3)
    assert found.note.startswith("1 of 2 attentions")


def test_few_keys_have_no_sinks():
    found = card(Looks(16, uniform(4)))
    assert found["attention distance"].status is Status.OK
    assert found["attention sinks"].note.startswith("no attention chooses among 10 keys or more")


def test_heads_in_the_batch_are_no_windows():
    grid = attention_grid(torch.ones(2 * 3, 1, 65, 65), 2, (32, 32), {65})
    assert (grid.windows, grid.prefix, grid.rows) == (1, (1, 1), 8)


@pytest.mark.parametrize(
    "shape", [(5, 1, 16, 16), (4, 1, 16, 4), (2, 1, 221, 221)], ids=["odd", "two grids", "no grid"]
)
def test_weights_that_fit_no_grid(shape):
    assert attention_grid(torch.ones(shape), 2, (32, 32), {16, 221}) is None


class Positions(nn.Module):
    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(table)


def wave(rows: int, columns: int, prefix: int = 0) -> Tensor:
    """Sines of row and column, as a table of tokens."""
    angles = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)) * 0.3
    return F.pad(torch.cat((angles.sin(), angles.cos()), 1), (0, 0, prefix, 0))[None]


@pytest.mark.parametrize("prefix", [0, 1])
def test_position_similarity_is_the_correlation(prefix):
    table = wave(4, 4, prefix)
    found = position_similarity(Positions(table), (32, 32))
    e = table[0, prefix:].detach().double().numpy()
    e = e / np.linalg.norm(e, axis=1, keepdims=True)
    places = [(r, c) for r in range(4) for c in range(4)]
    pairs = [(i, j) for i in range(16) for j in range(16) if i < j]
    alike = [e[i] @ e[j] for i, j in pairs]
    near = [-np.hypot(places[i][0] - places[j][0], places[i][1] - places[j][1]) for i, j in pairs]
    assert found.value == pytest.approx(np.corrcoef(alike, near)[0, 1])
    assert found.value > 0.9
    assert (found.n, found.note) == (120, "of 'pos_embed'")


def test_a_random_table_says_nothing_of_distance():
    table = torch.randn(1, 196, 64, generator=torch.Generator().manual_seed(0))
    assert abs(position_similarity(Positions(table), (224, 224)).value) < 0.05


def test_a_constant_table():
    found = position_similarity(Positions(torch.ones(1, 16, 3)), (32, 32))
    assert found.note == "all places of 'pos_embed' are alike, or as far from one another"


@pytest.mark.parametrize(
    ("name", "table"),
    [("vit_nano", "stem.positions"), ("deit_nano", "stem.positions"), ("convit_nano", "stem.positions")],
)
def test_tables_of_the_zoo_are_found(name, table):
    found = position_similarity(create_model(name, num_classes=3), (32, 32))
    assert found.note == f"of '{table}'"
    assert abs(found.value) < 0.1  # nothing is learned yet


@pytest.mark.parametrize("name", ["swin_nano", "resnet_nano", "coatnet_nano"])
def test_tables_of_pairs_and_networks_without_a_table(name):
    found = position_similarity(create_model(name, num_classes=3), (32, 32))
    assert found.note == "no parameter or buffer holds an embedding of every place"


def subject(network: nn.Module, side: int = 32, channels: int = 3) -> Subject:
    pixels = torch.randint(256, (3, channels, side, side), dtype=torch.uint8)
    return Subject(name="x", network=network, pixels=pixels, source="noise")


def test_a_cnn_has_no_attention():
    rows = ask(PROBE, subject(create_model("resnet_nano", num_classes=3)))
    assert [row.note for row in rows[:-1]] == ["no attention was seen"] * 4
    assert {row.status for row in rows} == {Status.NOT_APPLICABLE}


@pytest.mark.parametrize(
    "name", ["vit_nano", "swin_nano", "cvt_nano", "cmt_nano", "localvit_tnt_nano", "vit_hybrid_nano"]
)
def test_every_kind(name):
    rows = ask(PROBE, subject(create_model(name, num_classes=3)))
    assert [(row.metric, row.definition) for row in rows] == [metric[:2] for metric in METRICS]
    first = rows[0]
    assert isinstance(first, AttentionDistance)
    assert first.status is Status.OK
    assert first.low <= first.value <= first.high
    assert 0 < first.value < 32


def test_a_plain_network_of_one_channel():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.LazyLinear(2))
    network(torch.rand(1, 1, 8, 8))
    assert ask(PROBE, subject(network, 8, 1))[0].note == "no attention was seen"


def test_a_network_that_raises_fails():
    assert ask(PROBE, subject(create_model("vit_nano", num_classes=3), 30))[0].status is Status.FAILED


def test_the_network_is_left_as_it_was():
    network = create_model("vit_nano", num_classes=3, drop_rate=0.3).train()
    network(images()).sum().backward()
    before = fingerprint(network)
    attention_card(network, images())
    assert fingerprint(network) == before


def test_what_it_is():
    assert (PROBE.number, PROBE.profile, len(PROBE.metrics)) == (7, Profile.STANDARD, 5)
    assert DISTANCE.unit == "px"
