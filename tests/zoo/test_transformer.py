from dataclasses import replace
from math import cos, exp, sin, sqrt

import pytest
import torch
from torch import nn

from anmok.backbone.sequence import END, PADDING, START
from anmok.catalogue.names import require_network
from anmok.errors import SpecError
from anmok.zoo.transformer import Transformer, TransformerSpec, sines
from parity import relative_error, scatter

BASE, BIG = (require_network(f"transformer_{name}").spec for name in ("base", "big"))
V = 50
SOURCE = torch.tensor([[4, 9, 12, 7, 20, 31, END], [5, 6, 40, END, PADDING, PADDING, PADDING]])
TARGET = torch.tensor([[START, 10, 4, 11, 28, 33], [START, 6, 7, 8, END, PADDING]])


def theirs_with_our_weights(ours: Transformer) -> nn.Transformer:
    """torch.nn.Transformer without the norms that it has behind the last layers and the paper has not."""
    spec = ours.spec
    theirs = nn.Transformer(spec.width, spec.num_heads, spec.depth, spec.depth, spec.hidden, batch_first=True)
    theirs.encoder.norm = theirs.decoder.norm = None
    for mine, other in zip(ours.encoder, theirs.encoder.layers, strict=True):
        copy_attention(other.self_attn, mine.attention.qkv, mine.attention.project)
        copy_rest(other, mine, 2)
    for mine, other in zip(ours.decoder, theirs.decoder.layers, strict=True):
        copy_attention(other.self_attn, mine.attention.qkv, mine.attention.project)
        joined = nn.Linear(spec.width, 3 * spec.width)
        joined.weight.data = torch.cat((mine.cross.q.weight, mine.cross.kv.weight)).data
        joined.bias.data = torch.cat((mine.cross.q.bias, mine.cross.kv.bias)).data
        copy_attention(other.multihead_attn, joined, mine.cross.project)
        copy_rest(other, mine, 3)
    return theirs


def copy_attention(other: nn.MultiheadAttention, qkv: nn.Linear, project: nn.Linear) -> None:
    other.in_proj_weight.data, other.in_proj_bias.data = qkv.weight.data.clone(), qkv.bias.data.clone()
    other.out_proj.load_state_dict(project.state_dict())


def copy_rest(other: nn.Module, mine: nn.Module, norms: int) -> None:
    other.linear1.load_state_dict(mine.feed_forward[0].state_dict())
    other.linear2.load_state_dict(mine.feed_forward[2].state_dict())
    for i in range(1, norms + 1):
        getattr(other, f"norm{i}").load_state_dict(getattr(mine, f"norm{i}").state_dict())


def embedded(tokens: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Sec. 3.4 and 3.5, place by place."""
    width = table.shape[1]
    waves = [
        [(sin if i % 2 == 0 else cos)(place / 10000 ** ((i - i % 2) / width)) for i in range(width)]
        for place in range(tokens.shape[1])
    ]
    return table[tokens] * sqrt(width) + torch.tensor(waves, dtype=table.dtype)


def run_theirs(theirs: nn.Transformer, table: torch.Tensor) -> torch.Tensor:
    later = nn.Transformer.generate_square_subsequent_mask(TARGET.shape[1])
    hidden = torch.zeros(SOURCE.shape).masked_fill(SOURCE == PADDING, float("-inf"))
    answered = theirs(
        embedded(SOURCE, table),
        embedded(TARGET, table),
        tgt_mask=later,
        src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden,
    )
    return answered @ table.T


@pytest.mark.parametrize("spec", [BASE, replace(BIG, depth=2, hidden=1024)], ids=["base", "big"])
def test_it_is_torchs_transformer_in_answers_and_gradients(spec):
    torch.manual_seed(0)
    ours = Transformer(spec, source_vocabulary=V, target_vocabulary=V).eval()
    scatter(ours)
    theirs = theirs_with_our_weights(ours).eval()
    table = ours.embed.weight.detach().clone().requires_grad_()
    found, expected = ours(SOURCE, TARGET), run_theirs(theirs, table)
    assert relative_error(found, expected) < 1e-5
    torch.manual_seed(1)
    slopes = torch.randn_like(found) * (TARGET != PADDING)[:, :, None]
    (found * slopes).sum().backward()
    (expected * slopes).sum().backward()
    assert relative_error(ours.embed.weight.grad, table.grad) < 1e-5
    for mine, other in ((ours.encoder[0], theirs.encoder.layers[0]), (ours.decoder[-1], theirs.decoder.layers[-1])):
        assert relative_error(mine.attention.qkv.weight.grad, other.self_attn.in_proj_weight.grad) < 1e-5
        assert relative_error(mine.feed_forward[0].weight.grad, other.linear1.weight.grad) < 1e-5
        assert relative_error(mine.norm1.weight.grad, other.norm1.weight.grad) < 1e-5
    for mine, other in zip(ours.decoder, theirs.decoder.layers, strict=True):
        both = torch.cat((mine.cross.q.weight.grad, mine.cross.kv.weight.grad))
        assert relative_error(both, other.multihead_attn.in_proj_weight.grad) < 1e-5


def test_alignments_are_the_weights_of_the_last_layer_but_one():
    torch.manual_seed(0)
    ours = Transformer(replace(BASE, width=32, depth=3, num_heads=4), source_vocabulary=V, target_vocabulary=V).eval()
    scatter(ours)
    theirs = theirs_with_our_weights(ours).eval()
    attention, asked = theirs.decoder.layers[1].multihead_attn, []
    attention.register_forward_pre_hook(lambda module, inputs: asked.append(inputs))
    run_theirs(theirs, ours.embed.weight.detach())
    _, expected = attention(*asked[0], key_padding_mask=SOURCE == PADDING, average_attn_weights=True)
    torch.testing.assert_close(ours.alignment(SOURCE, TARGET), expected, atol=1e-6, rtol=1e-4)


def test_positions_are_the_papers_sines():
    found = sines(3, 5, 8, torch.empty(0, dtype=torch.float64))
    for row, place in enumerate(range(3, 8)):
        for i in range(4):
            angle = place * exp(-2 * i / 8 * 9.210340371976184)
            assert float(found[row, 2 * i]) == pytest.approx(sin(angle), abs=1e-6)
            assert float(found[row, 2 * i + 1]) == pytest.approx(cos(angle), abs=1e-6)


def test_without_positions_an_encoder_knows_no_order(monkeypatch):
    monkeypatch.setattr("anmok.zoo.transformer.sines", lambda first, count, width, like: torch.zeros(count, width))
    torch.manual_seed(0)
    model = Transformer(
        replace(BASE, width=16, depth=2, num_heads=2, hidden=32), source_vocabulary=V, target_vocabulary=V
    )
    shuffled = SOURCE[:1, torch.tensor([4, 0, 6, 2, 1, 3, 5])]
    torch.testing.assert_close(model.eval()(shuffled, TARGET[:1]), model(SOURCE[:1], TARGET[:1]))


def test_dropout_is_where_the_paper_has_it():
    model = Transformer(
        replace(BASE, width=16, depth=2, num_heads=2, hidden=32), source_vocabulary=V, target_vocabulary=V
    )
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.1] * 5
    torch.manual_seed(0)
    assert not torch.equal(model(SOURCE, TARGET), model(SOURCE, TARGET))


def test_a_vocabulary_for_each_language_is_refused():
    with pytest.raises(SpecError) as error:
        Transformer(BASE, source_vocabulary=40, target_vocabulary=50)
    assert str(error.value) == (
        "A Transformer has one vocabulary for both languages: got 40 tokens of the source and 50 of the target. "
        "Make one from the texts of both."
    )


def test_heads_have_equal_shares():
    with pytest.raises(SpecError, match="got width 100 and 8 heads"):
        TransformerSpec(width=100)
