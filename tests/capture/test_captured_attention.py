"""Every way to write attention, against softmax(q kᵀ / sqrt(d)) by hand."""

from math import sqrt

import pytest
import torch
from einops import rearrange
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from anmok.capture import captured_attention, untouched
from anmok.catalogue import create_model
from anmok.layers import attend
from oracles import reference
from presets import NANO


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_hand(q: Tensor, k: Tensor, mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    scores = torch.einsum("...nd,...md->...nm", q, k) * (1 / sqrt(q.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    exponents = (scores - scores.amax(-1, keepdim=True)).exp()
    return exponents / exponents.sum(-1, keepdim=True)


def captured(network, *inputs: Tensor, **keywords: object) -> list[Tensor]:
    """What is captured; the output must be the same to the last bit."""
    module = network if isinstance(network, nn.Module) else nn.Identity()
    with untouched(module), torch.no_grad():
        alone = network(*inputs, **keywords)
        with captured_attention() as weights:
            watched = network(*inputs, **keywords)
    for a, b in zip(_tensors(alone), _tensors(watched), strict=True):
        assert torch.equal(a, b)
    return weights


def _tensors(output) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    values = output.values() if isinstance(output, dict) else output
    return [x for x in values if isinstance(x, Tensor)]


def same(weights: list[Tensor], *expected: Tensor) -> None:
    assert len(weights) == len(expected)
    for found, wanted in zip(weights, expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
        rows = found.sum(-1)
        torch.testing.assert_close(rows, torch.ones_like(rows))


class Heads(nn.Module):
    """Where `q`, `k` and `v` of a packed projection lie."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)

    def split(self, x: Tensor) -> tuple[Tensor, ...]:
        return rearrange(self.qkv(x), "b n (three heads d) -> three b heads n d", three=3, heads=self.heads).unbind(0)


class Gated(Heads):
    """Two attentions, one of them the same for all images, mixed before the values are weighed."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(x)
        places = torch.softmax(-torch.eye(x.shape[1])[None], -1)
        return (0.3 * by_softmax(q, k) + 0.7 * places) @ v


class Plain(Heads):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(x)
        return torch.matmul(nn.Dropout(0.5).eval()(by_softmax(q, k)), v)


class Einsum(Heads):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(x)
        return torch.einsum("bhnm,bhmd->bhnd", by_softmax(q, k), v)


class Folded(Heads):
    """Heads stand in the batch, as in bmm."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (each.flatten(0, 1) for each in self.split(x))
        return torch.bmm(torch.softmax(torch.bmm(q, k.mT) / sqrt(q.shape[-1]), dim=-1), v)


class Talking(Heads):
    """Heads are mixed after the softmax, by numbers of any sign: rows are no shares any more."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(x)
        mixing = draw(self.heads, self.heads, seed=7)
        return torch.einsum("hg,bgnm->bhnm", mixing, by_softmax(q, k)) @ v


def by_softmax(q: Tensor, k: Tensor) -> Tensor:
    return (q @ k.mT / sqrt(q.shape[-1])).softmax(dim=-1)


@settings(max_examples=30)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_ours(b, heads, n, m, biased):
    q, k, v = draw(b, n, 4 * heads), draw(b, m, 4 * heads, seed=1), draw(b, m, 4 * heads, seed=2)
    bias = draw(heads, n, m, seed=3) if biased else None
    split = (rearrange(x, "b n (heads d) -> b heads n d", heads=heads) for x in (q, k))
    same(captured(attend, q, k, v, num_heads=heads, bias=bias), by_hand(*split, mask=bias))


def test_ours_with_a_learnt_bias_is_written_out():
    q, bias = draw(2, 5, 8), nn.Parameter(draw(2, 5, 5))
    with captured_attention() as weights:
        attend(q, q, q, num_heads=2, bias=bias)
    head = rearrange(q, "b n (heads d) -> b heads n d", heads=2)
    same(weights, by_hand(head, head, bias.detach()))


def test_windows_stand_in_the_batch():
    q = draw(2, 3, 5, 8)
    head = rearrange(q, "b windows n (heads d) -> (b windows) heads n d", heads=2)
    same(captured(attend, q, q, q, num_heads=2), by_hand(head, head))


@pytest.mark.parametrize("lead", [(), (2,), (2, 3), (2, 2, 3)], ids=["2 axes", "3 axes", "4 axes", "5 axes"])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_fused(lead, scale):
    q, k, v = draw(*lead, 5, 8), draw(*lead, 7, 8, seed=1), draw(*lead, 7, 4, seed=2)
    expected = by_hand(q, k, scale=scale)
    shape = {0: (1, 1), 1: (2, 1), 2: (2, 3), 3: (4, 3)}[len(lead)]
    same(captured(F.scaled_dot_product_attention, q, k, v, scale=scale), expected.reshape(*shape, 5, 7))


@pytest.mark.parametrize("positional", [True, False])
@pytest.mark.parametrize("kind", ["bool", "float", "of every head"])
def test_fused_with_a_mask(kind, positional):
    q, k, v = draw(2, 3, 5, 8), draw(2, 3, 7, 8, seed=1), draw(2, 3, 7, 4, seed=2)
    mask = draw(2, 3, 5, 7, seed=3) if kind == "of every head" else draw(5, 7, seed=3)
    if kind == "bool":
        mask = mask > 0
        mask[:, 0] = True
    call = {} if positional else {"attn_mask": mask}
    more = (mask,) if positional else ()
    same(captured(F.scaled_dot_product_attention, q, k, v, *more, **call), by_hand(q, k, mask))


def test_a_row_that_is_masked_whole_has_no_weights():
    q = draw(1, 1, 3, 4)
    mask = torch.tensor([True, False, True])[:, None].expand(3, 3)
    (weights,) = captured(F.scaled_dot_product_attention, q, q, q, attn_mask=mask)
    assert weights.sum(-1).tolist() == [[pytest.approx([1, 0, 1])]]


@pytest.mark.parametrize("keys", [3, 5, 7])
def test_causal(keys):
    q, k = draw(2, 3, 5, 8), draw(2, 3, keys, 8, seed=1)
    allowed = torch.arange(5)[:, None] >= torch.arange(keys)
    same(captured(F.scaled_dot_product_attention, q, k, k, is_causal=True), by_hand(q, k, allowed))


def test_grouped_queries():
    q, k = draw(2, 6, 5, 8), draw(2, 2, 5, 8, seed=1)
    expected = by_hand(q, k[:, [0, 0, 0, 1, 1, 1]])
    same(captured(F.scaled_dot_product_attention, q, k, k, enable_gqa=True), expected)


def test_half_precision_is_weighed_in_single():
    q = draw(1, 2, 5, 8).bfloat16()
    (weights,) = captured(F.scaled_dot_product_attention, q, q, q)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, by_hand(q.float(), q.float()))


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("masks", ["none", "bool", "float", "padding", "both"])
def test_torchs_module(batch_first, need_weights, masks):
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=batch_first, dropout=0.3)
    x = draw(3, 5, 8)
    hidden = torch.zeros(5, 5, dtype=torch.bool)
    hidden[0, 3:] = masks in ("bool", "both")
    padded = torch.zeros(3, 5, dtype=torch.bool)
    padded[1, 4] = masks in ("padding", "both")
    added = draw(5, 5, seed=5)
    keywords = {
        "attn_mask": {"bool": hidden, "both": hidden, "float": added}.get(masks),
        "key_padding_mask": padded if masks in ("padding", "both") else None,
        "need_weights": need_weights,
    }
    q, k, _ = (
        rearrange(each, "b n (heads d) -> b heads n d", heads=2)
        for each in F.linear(x, attention.in_proj_weight, attention.in_proj_bias).chunk(3, -1)
    )
    mask = added if masks == "float" else ~(hidden | padded[:, None, None])
    given = x if batch_first else x.transpose(0, 1)
    same(captured(attention, given, given, given, **keywords), by_hand(q, k, mask).detach())


def test_torchs_module_for_one_sequence():
    attention = nn.MultiheadAttention(8, 2)
    x = draw(5, 8)
    (weights,) = captured(attention, x, x, x)
    assert weights.shape == (1, 2, 5, 5)


@pytest.mark.parametrize("norm_first", [True, False])
def test_torchs_encoder_is_seen_though_it_has_a_fast_path(norm_first):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    x = draw(3, 5, 8)
    weights = captured(encoder, x)
    first = layer.norm1(x) if norm_first else x
    inside = encoder.layers[0].self_attn
    q, k, _ = F.linear(first, inside.in_proj_weight, inside.in_proj_bias).detach().chunk(3, -1)
    expected = by_hand(*(rearrange(each, "b n (heads d) -> b heads n d", heads=2) for each in (q, k)))
    assert len(weights) == 2
    same(weights[:1], expected)
    with torch.no_grad(), captured_attention() as outside:  # and without `untouched`
        encoder.eval()(x)
    assert len(outside) == 2


@pytest.mark.parametrize("kind", [Plain, Einsum])
def test_written_out(kind):
    torch.manual_seed(0)
    network, x = kind(8, 2), draw(3, 5, 8)
    q, k, _ = network.split(x)
    same(captured(network, x), by_hand(q, k).detach())


def test_gates_belong_to_the_weights():
    torch.manual_seed(0)
    network, x = Gated(8, 2), draw(3, 5, 8)
    q, k, _ = network.split(x)
    expected = 0.3 * by_hand(q, k) + 0.7 * (-torch.eye(5)).softmax(-1)
    same(captured(network, x), expected.detach())


def test_heads_in_the_batch_stay_there():
    torch.manual_seed(0)
    network, x = Folded(8, 2), draw(3, 5, 8)
    q, k, _ = network.split(x)
    same(captured(network, x), by_hand(q, k).detach().reshape(6, 1, 5, 5))


def test_heads_that_talk_are_shown_before_they_do():
    torch.manual_seed(0)
    network, x = Talking(8, 2), draw(3, 5, 8)
    q, k, _ = network.split(x)
    same(captured(network, x), by_hand(q, k).detach())


def test_convits_gates():
    torch.manual_seed(0)
    network, images = create_model("convit_nano", num_classes=3), torch.rand(2, 3, 32, 32)
    weights = captured(network, images)
    block = network.stages[0]
    with untouched(network), torch.no_grad():
        tokens = block.norm1(network.stem(images).tokens)
        q, k = (rearrange(x, "b n (h d) -> b h n d", h=4) for x in block.attention.query_key(tokens).chunk(2, -1))
        gate = block.attention.gate.sigmoid()[:, None, None]
        expected = (1 - gate) * by_hand(q, k) + gate * block.attention.attend_to_places(8, 8)
    same(weights[:1], expected)
    assert [tuple(w.shape) for w in weights] == [(2, 4, 64, 64)] * 4 + [(2, 4, 65, 65)]


@pytest.mark.parametrize(
    "head",
    [
        lambda x: x.softmax(-1),
        lambda x: F.softmax(x, dim=1) @ torch.ones(6, 2),
        lambda x: x[:, :, None, None].expand(-1, -1, 4, 4).permute(0, 2, 3, 1).softmax(-1),
        lambda x: x[:, None].softmax(-1),
        lambda x: torch.log_softmax(x, -1),
    ],
    ids=["classes", "expected embedding", "segmentation", "one token", "logarithm"],
)
def test_classes_are_no_attention(head):
    assert captured(lambda x: head(nn.functional.linear(x, torch.ones(6, 8))), draw(3, 8)) == []


def test_a_softmax_over_another_axis_is_no_attention():
    x = draw(2, 3, 4, 4)
    assert captured(lambda x: x.softmax(1) @ x, x) == []


@pytest.mark.parametrize("name", NANO)
def test_presets_answer_the_same_when_they_are_watched(name):
    torch.manual_seed(0)
    for weights in captured(create_model(name, num_classes=3), torch.rand(2, 3, 32, 32)):
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


@pytest.mark.oracle
def test_timm():
    timm = reference("timm")
    torch.manual_seed(0)
    network = timm.create_model("vit_tiny_patch16_224", num_classes=3, depth=2, img_size=64)
    weights = captured(network, torch.rand(2, 3, 64, 64))
    assert [tuple(w.shape) for w in weights] == [(2, 3, 17, 17)] * 2
    swin = timm.create_model(
        "swin_tiny_patch4_window7_224", num_classes=3, depths=(1, 2), num_heads=(2, 4), embed_dim=16
    )
    weights = captured(swin, torch.rand(2, 3, 224, 224))
    assert [tuple(w.shape) for w in weights] == [(128, 2, 49, 49), (32, 4, 49, 49), (32, 4, 49, 49)]


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_timm_tells_the_same_fused_and_written_out(name):
    timm = reference("timm")
    torch.manual_seed(0)
    keywords = {"depth": 2} if "vit" in name else {"depths": (2,), "num_heads": (2,), "embed_dim": 16}
    network = timm.create_model(name, num_classes=3, **keywords)
    images, found = torch.rand(1, 3, 224, 224), []
    for fused in (True, False):
        for module in network.modules():
            if hasattr(module, "fused_attn"):
                module.fused_attn = fused
        found.append(captured(network, images))
    same(found[0], *found[1])


@pytest.mark.oracle
@pytest.mark.parametrize("way", ["sdpa", "eager"])
def test_transformers(way):
    transformers = reference("transformers")
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32, image_size=32, patch_size=8
    )
    config._attn_implementation = way
    network = transformers.ViTForImageClassification(config)
    images = torch.rand(2, 3, 32, 32)
    weights = captured(network, images)
    config._attn_implementation = "eager"
    with untouched(network), torch.no_grad():
        told = network(images, output_attentions=True).attentions
    assert [tuple(w.shape) for w in weights] == [(2, 4, 17, 17)] * 2
    same(weights, *told)
