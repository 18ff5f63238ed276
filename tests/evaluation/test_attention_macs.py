import pytest
import torch
from torch import nn
from torch.nn import functional as F

from anmok.catalogue import create_model
from anmok.evaluation.attention_macs import split_macs
from anmok.evaluation.cost import count_macs
from small_backbones import fingerprint

N, D = 6 * 5, 4  # pixels as tokens


class OverTokens(nn.Module):
    """Any module on the pixels as tokens."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        out = self.inner(images.flatten(2).transpose(1, 2))
        return out[0] if isinstance(out, tuple) else out


class ToItself(nn.Module):
    """Attention of tokens to themselves by torch's module."""

    def __init__(self, *, need_weights: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(D, 2, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x, need_weights=self.need_weights)[0]


class InTheOpen(nn.Module):
    """Attention written out with einsum, its projections too."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, D, D))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = torch.einsum("bnd,tde->tbne", x, self.weight)
        return torch.einsum("bnm,bmd->bnd", torch.einsum("bnd,bmd->bnm", q, k).softmax(-1), v)


class Fused(nn.Module):
    """Grouped, causal, fused attention: two heads of queries for one of keys."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k = x.unflatten(-1, (2, 2)).transpose(1, 2), x[:, None, :, :2]
        return F.scaled_dot_product_attention(q, k, k, is_causal=True, enable_gqa=True)


def image(channels: int = D) -> torch.Tensor:
    return torch.rand(1, channels, 6, 5)


@pytest.mark.parametrize(
    ("inner", "attention", "rest"),
    [
        (ToItself(need_weights=False), 2 * N * N * D, 4 * N * D * D),
        (ToItself(need_weights=True), 2 * N * N * D, 4 * N * D * D),
        (InTheOpen(), 2 * N * N * D, 3 * N * D * D),
        (Fused(), 2 * N * N * D, 0),
        (nn.TransformerEncoderLayer(D, 2, 4 * D, batch_first=True), 2 * N * N * D, 12 * N * D * D),
        (nn.GRU(D, 7, batch_first=True), 0, 3 * 7 * N * (D + 7)),
        (nn.Linear(D, 9), 0, 9 * N * D),
    ],
    ids=["mha", "mha-weights", "einsum", "gqa", "encoder-layer", "gru", "linear"],
)
def test_the_split_is_that_of_paper(inner, attention, rest):
    network = OverTokens(inner)
    split = split_macs(network, image())
    assert (split.attention, split.rest) == (attention, rest)
    assert split.tokens == (N if attention else 0)
    assert split.total == count_macs(network, 6, 5, in_chans=D)


def test_a_convolution_and_a_gate_are_no_attention():
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.gate = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x)
            return x * self.gate(x.mean((2, 3))).sigmoid()[:, :, None, None]

    split = split_macs(Gated(), image(3))
    assert split == (8 * 27 * N + 64, 0, 0)


def test_a_product_with_what_the_image_does_not_change_is_no_attention():
    class Positions(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            places = torch.arange(x.shape[1] * 4.0).reshape(1, -1, 4)
            return (places @ places.mT).softmax(-1) @ x

    assert split_macs(OverTokens(Positions()), image()).attention == 0


def test_memory_that_is_used_again_is_not_taken_for_the_images():
    """Many short-lived tensors of one size, so that a constant soon lies where the image's had lain."""

    class Recycles(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(50):
                x = x + 1
                constant = torch.ones(1, D, D)
                x = x @ constant
            return x

    assert split_macs(OverTokens(Recycles()), image()).attention == 0


@pytest.mark.parametrize(
    ("name", "attention"),
    [("vit_tiny_patch16_224", 12 * 2 * 197**2 * 192), ("resnet18", 0)],
)
def test_presets_of_the_zoo(name, attention):
    network = create_model(name)
    split = split_macs(network, torch.zeros(1, 3, 224, 224))
    assert split.attention == attention
    assert split.total == count_macs(network, 224, 224)


def test_the_network_is_left_as_it_was():
    network = OverTokens(nn.TransformerEncoderLayer(D, 2, 8, batch_first=True)).train()
    images = image()
    before, fastpath = fingerprint(network), torch.backends.mha.get_fastpath_enabled()
    split_macs(network, images)
    assert fingerprint(network) == before
    assert torch.backends.mha.get_fastpath_enabled() == fastpath
