import pytest
import torch
from torch import exp, nn, sigmoid, tanh

from anmok.backbone.sequence import END, PADDING, START
from anmok.zoo.bahdanau import Bahdanau, BahdanauSpec
from parity import scatter

SPEC = BahdanauSpec(width=5, embedding=4, readout=3)
SOURCE = torch.tensor([[4, 9, 12, 7, END], [5, 6, END, PADDING, PADDING]])
TARGET = torch.tensor([[START, 10, 4, 11], [START, 6, 7, END]])


def gated(x, h, weights):
    """Appendix A.1.1, with PyTorch's place of the reset gate: W x + b + r * (U h + b')."""
    inner, outer, bias, more = weights
    r, z, n = (inner @ x + bias).chunk(3)
    hr, hz, hn = (outer @ h + more).chunk(3)
    z = sigmoid(z + hz)
    return (1 - z) * tanh(n + sigmoid(r + hr) * hn) + z * h


def weights_of(rnn, suffix):
    return [getattr(rnn, f"{key}{suffix}") for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def by_hand(model, source, target):
    """Appendix A.2, a word at a time and an annotation at a time."""
    words = [model.source_embed.weight[token] for token in source]
    zero = torch.zeros(5).double()
    forward, backward = [], []
    for word in words:
        forward.append(gated(word, forward[-1] if forward else zero, weights_of(model.encoder, "_l0")))
    if model.spec.attends:
        for word in reversed(words):
            backward.insert(0, gated(word, backward[0] if backward else zero, weights_of(model.encoder, "_l0_reverse")))
        annotations = [torch.cat(pair) for pair in zip(forward, backward, strict=True)]
    s = tanh(model.initial(backward[0] if model.spec.attends else forward[-1]))
    logits, shares = [], []
    for token in target:
        y = model.target_embed.weight[token]
        if model.spec.attends:
            a = model.attention
            heats = [a.energy @ tanh(a.query.weight @ s + a.key.weight @ h + a.key.bias) for h in annotations]
            total = sum(exp(heat) for heat in heats)
            shares.append([(exp(heat) / total).item() for heat in heats])
            c = sum(exp(heat) / total * h for heat, h in zip(heats, annotations, strict=True))
        else:
            c = forward[-1]
        t = model.readout.weight @ torch.cat((s, y, c)) + model.readout.bias
        t = torch.stack([max(t[2 * j], t[2 * j + 1]) for j in range(3)])
        logits.append(model.head.weight @ t + model.head.bias)
        s = gated(torch.cat((y, c)), s, weights_of(model.cell, ""))
    return torch.stack(logits), shares


@pytest.mark.parametrize("attends", [True, False])
def test_logits_are_those_of_the_appendix(attends):
    spec = BahdanauSpec(width=5, embedding=4, readout=3, attends=attends)
    model = Bahdanau(spec, source_vocabulary=14, target_vocabulary=13).double()
    scatter(model)
    logits, weights = model(SOURCE, TARGET), model.alignment(SOURCE, TARGET)
    for row, length in enumerate((5, 3)):
        expected, shares = by_hand(model, SOURCE[row, :length].tolist(), TARGET[row].tolist())
        torch.testing.assert_close(logits[row], expected, atol=1e-13, rtol=0)
        if attends:
            torch.testing.assert_close(weights[row, :, :length], torch.tensor(shares, dtype=torch.float64))
    assert (weights is None) == (not attends)


def test_reading_and_writing_are_torchs_own():
    model = Bahdanau(SPEC, source_vocabulary=14, target_vocabulary=13).double()
    annotations, _, _ = model.encode(SOURCE[:1])
    torch.testing.assert_close(annotations, model.encoder(model.source_embed(SOURCE[:1]))[0])
    memory = model.encode(SOURCE[:1])
    (state,), (weights,) = model.start(memory), model.alignment(SOURCE[:1], TARGET[:1, :1])
    context = weights @ annotations[0]
    _, (after,) = model.step(memory, (state,), TARGET[:1, 0])
    torch.testing.assert_close(after, model.cell(torch.cat((model.target_embed(TARGET[:1, 0]), context), 1), state))


def test_attention_sees_a_word_wherever_it_stands():
    # With equal annotations everywhere, each has the same share.
    model = Bahdanau(SPEC, source_vocabulary=14, target_vocabulary=13).double()
    keys = torch.randn(1, 1, 5, dtype=torch.float64).expand(1, 7, 5)
    shares = model.attention(torch.randn(1, 5, dtype=torch.float64), keys, torch.zeros(1, 7, dtype=torch.float64))
    torch.testing.assert_close(shares, torch.full((1, 7), 1 / 7, dtype=torch.float64))


def test_recurrent_weights_start_orthogonal():
    model = Bahdanau(SPEC, source_vocabulary=14, target_vocabulary=13)
    for matrix in (model.encoder.weight_hh_l0, model.encoder.weight_hh_l0_reverse, model.cell.weight_hh):
        for gate in matrix.chunk(3):
            torch.testing.assert_close(gate @ gate.T, torch.eye(5), atol=1e-5, rtol=0)


def test_dropout_is_on_words_and_readout():
    model = Bahdanau(
        BahdanauSpec(width=5, embedding=4, readout=3, drop_rate=0.3), source_vocabulary=14, target_vocabulary=13
    )
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.3]
    assert not torch.equal(model(SOURCE, TARGET), model(SOURCE, TARGET))
