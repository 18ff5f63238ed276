import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.evaluation.cost import Latency, count_macs
from anmok.probes import Status, Subject, cost, pink_noise
from anmok.probes.cost import PROBE, Crossover, Growth
from anmok.probes.run import ask
from small_backbones import fingerprint


@pytest.fixture
def timeless(monkeypatch):
    """No time is spent on time."""
    latency = Latency(p50=1.0, p95=1.0, n=12)
    monkeypatch.setattr(cost, "compare_latencies", lambda tasks, **settings: [latency] * len(tasks))


def subject(network: nn.Module, size: int = 32, channels: int = 3) -> Subject:
    return Subject(name="it", network=network, pixels=pink_noise(2, channels, size, size), source="noise")


def asked(network: nn.Module, **settings) -> dict:
    rows = ask(PROBE, subject(network, **settings))
    assert [(row.metric, row.definition, row.unit) for row in rows] == [tuple(metric) for metric in PROBE.metrics]
    return {row.metric: row for row in rows}


class Tokens(nn.Module):
    """Each pixel of 16 channels a token, or each window of some pixels attended by itself."""

    def __init__(self, *layers: nn.Module, window: int = 0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.window = window

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = images.flatten(2).transpose(1, 2)
        x = tokens.unflatten(1, (-1, self.window)).flatten(0, 1) if self.window else tokens
        for layer in self.layers:
            x = layer(x)
        return x.reshape(tokens.shape).mean(1)


class Products(nn.Module):
    """Nothing but attention's own products."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None])[:, 0]


def block(width: int = 16) -> nn.Module:
    return nn.TransformerEncoderLayer(width, 2, 4 * width, batch_first=True)


@pytest.mark.usefixtures("timeless")
def test_convolutions_grow_exactly_with_the_pixels():
    found = asked(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1, stride=2)))
    assert found["MACs exponent"].value == pytest.approx(1, abs=1e-9)
    assert found["memory exponent"].value == pytest.approx(1, abs=1e-9)
    assert found["MACs exponent"].high - found["MACs exponent"].low < 1e-9
    assert (found["MACs"].value, found["params"].value) == (4 * 27 * 32 * 32 + 4 * 36 * 16 * 16, 4 * 28 + 4 * 37)
    assert found["attention crossover"].note.startswith("there is no attention")


@pytest.mark.usefixtures("timeless")
def test_attentions_products_alone_grow_with_the_square():
    found = asked(Tokens(Products()), channels=16)
    assert found["MACs exponent"].value == pytest.approx(2, abs=1e-9)
    assert found["attention crossover"].note == "one of attention and the rest costs nothing"


@pytest.mark.usefixtures("timeless")
@pytest.mark.parametrize("width", [8, 16])
def test_a_transformer_block_crosses_at_six_tokens_a_channel(width):
    """12 n d^2 = 2 n^2 d, which the probe is not told; each pixel is a token here."""
    found = asked(Tokens(block(width), block(width)), size=12, channels=width)
    crossover, side = found["attention crossover"], found["attention crossover side"]
    assert (crossover.value, crossover.low, crossover.high) == pytest.approx((6 * width,) * 3)
    assert side.value == pytest.approx((6 * width) ** 0.5)
    assert 1 < found["MACs exponent"].value < 2
    assert isinstance(crossover, Crossover)
    assert crossover.shares[144] == pytest.approx(144 / (144 + 6 * width))


@pytest.mark.usefixtures("timeless")
def test_a_vit_crosses_where_its_patches_and_head_put_it():
    network = create_model("vit_nano", num_classes=10)
    found = asked(network)
    width, depth, patch = 128, 5, 48 * 128
    tokens = found["attention crossover"].value
    rest = depth * 12 * tokens * width**2 + (tokens - 1) * patch + 10 * width
    assert depth * 2 * tokens**2 * width == pytest.approx(rest, rel=0.01)
    assert found["attention crossover side"].value == pytest.approx(4 * (tokens - 1) ** 0.5, rel=1e-6)
    assert found["attention crossover"].note == "extended from 17 to 145 tokens"


@pytest.mark.usefixtures("timeless")
def test_windows_never_cross():
    found = asked(Tokens(block(), window=16), channels=16)
    assert found["MACs exponent"].value == pytest.approx(1, abs=1e-9)
    note = "attention looks at 16 tokens at once whatever the size, as in windows"
    assert found["attention crossover"].note == found["attention crossover side"].note == note


@pytest.mark.usefixtures("timeless")
def test_attention_among_channels_never_crosses():
    class Channels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(16, 48)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = self.qkv(x).chunk(3, -1)
            return v @ (q.mT @ k).softmax(-1)

    found = asked(Tokens(Channels()), channels=16)
    assert found["attention crossover"].status is Status.NOT_APPLICABLE
    assert found["attention crossover"].note == "attention's share of the MACs does not grow with the number of tokens"


def test_a_network_of_one_size_does_not_grow():
    found = asked(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 5)))
    note = found["MACs exponent"].note
    assert note.startswith("growth needs 3 sizes and the network takes 1 of 5: at 16 x 16, RuntimeError: mat1 and mat2")
    assert found["latency exponent"].note == found["memory exponent"].note == note
    assert found["MACs"].value == 3 * 32 * 32 * 5
    assert found["latency"].value > 0
    assert found["latency"].n == 12


def test_nothing_does_not_grow():
    found = asked(nn.Identity())
    assert found["MACs exponent"].note == found["memory exponent"].note == "the cost is 0, which does not grow"
    assert (found["params"].value, found["MACs"].value) == (0, 0)


@pytest.mark.usefixtures("timeless")
def test_what_does_not_depend_on_the_size_has_exponent_zero():
    found = asked(nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 5)))
    assert found["MACs exponent"].value == pytest.approx(0, abs=1e-9)


@pytest.mark.usefixtures("timeless")
def test_frozen_parameters_count_and_memory_holds_them():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1)).requires_grad_(False)
    found = asked(network)
    assert found["params"].value == 8 * 28
    assert found["peak memory"].value == 4 * (8 * 28 + 3 * 32 * 32 + 8 * 32 * 32) / 2**20


def test_more_pixels_take_longer():
    found = asked(nn.Sequential(*(nn.Conv2d(16, 16, 3, padding=1) for _ in range(4))), size=64, channels=16)
    growth = found["latency exponent"]
    assert isinstance(growth, Growth)
    assert growth.low <= growth.value <= growth.high
    assert list(growth.curve) == [side**2 for side in (32, 48, 64, 80, 96)]
    assert growth.curve[96**2] > growth.curve[32**2]


@pytest.mark.usefixtures("timeless")
@pytest.mark.parametrize("name", ["resnet_nano", "cmt_nano", "swin_nano", "mlp_nano"])
def test_every_kind_can_be_asked(name):
    found = asked(create_model(name, num_classes=3))
    assert {found[m].status for m in ("params", "MACs", "latency", "peak memory", "MACs exponent")} == {Status.OK}
    assert found["MACs"].value == count_macs(create_model(name, num_classes=3), 32, 32)
    assert (found["attention crossover"].status is Status.OK) == (name == "cmt_nano")


def test_a_network_that_raises_at_its_own_size_gives_the_reason():
    found = asked(nn.Conv2d(5, 3, 3))
    assert {row.status for row in found.values()} == {Status.FAILED}


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.Dropout()).train()
    one = subject(network)
    before, fastpath = fingerprint(network), torch.backends.mha.get_fastpath_enabled()
    ask(PROBE, one)
    assert fingerprint(network) == before
    assert torch.backends.mha.get_fastpath_enabled() == fastpath
