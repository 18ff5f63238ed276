from dataclasses import replace

import pytest
import torch
from torch import nn, sigmoid, tanh

from anmok.backbone.sequence import END, PADDING, START
from anmok.zoo.seq2seq import Seq2Seq, Seq2SeqSpec, Unit
from parity import scatter

SPEC = Seq2SeqSpec(width=5, embedding=4, depth=2)
SOURCE = torch.tensor([[4, 9, 12, 7, END], [5, 6, END, PADDING, PADDING]])
TARGET = torch.tensor([[START, 10, 4, 11], [START, 6, 7, END]])


def lstm(x, h, c, rnn, layer):
    """Sutskever et al. refer to Graves 2013; without peepholes, as PyTorch documents it."""
    w = {key: getattr(rnn, f"{key}_l{layer}") for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    i, f, g, o = (w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]).chunk(4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def gru(x, h, _, rnn, layer):
    w = {key: getattr(rnn, f"{key}_l{layer}") for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    r, z, n = (w["weight_ih"] @ x + w["bias_ih"]).chunk(3)
    hr, hz, hn = (w["weight_hh"] @ h + w["bias_hh"]).chunk(3)
    z = sigmoid(z + hz)
    return (1 - z) * tanh(n + sigmoid(r + hr) * hn) + z * h, None


def by_hand(model, source, target):
    """Word by word and layer by layer; the source from its last word to its first."""
    cell = lstm if model.spec.unit is Unit.LSTM else gru
    states = [(torch.zeros(5).double(), torch.zeros(5).double()) for _ in range(2)]

    def read(word, rnn):
        for layer in range(2):
            h, c = cell(word, *states[layer], rnn, layer)
            states[layer] = (h, c)
            word = h
        return word

    for token in reversed(source):
        read(model.encoder.embed.weight[token], model.encoder.rnn)
    answers = [read(model.embed.weight[token], model.rnn) for token in target]
    return torch.stack(answers) @ model.head.weight.T + model.head.bias


@pytest.mark.parametrize("unit", Unit)
def test_logits_are_those_of_the_equations(unit):
    model = Seq2Seq(replace(SPEC, unit=unit), source_vocabulary=14, target_vocabulary=13).double()
    scatter(model)
    logits = model(SOURCE, TARGET)
    for row, length in enumerate((5, 3)):
        expected = by_hand(model, SOURCE[row, :length].tolist(), TARGET[row].tolist())
        torch.testing.assert_close(logits[row], expected, atol=1e-13, rtol=0)


def test_read_forwards_it_is_torchs_own():
    model = Seq2Seq(replace(SPEC, backwards=False), source_vocabulary=14, target_vocabulary=13).double()
    _, state = model.encoder.rnn(model.encoder.embed(SOURCE[:1]))
    outputs, _ = model.rnn(model.embed(TARGET[:1]), state)
    torch.testing.assert_close(model(SOURCE[:1], TARGET[:1]), model.head(outputs))


def test_outputs_of_the_encoder_stand_with_their_words():
    model = Seq2Seq(SPEC, source_vocabulary=14, target_vocabulary=13).double()
    outputs, states = model.encoder(SOURCE)
    turned, _ = model.encoder.rnn(model.encoder.embed(SOURCE[1:, :3].flip(1)))
    torch.testing.assert_close(outputs[1, :3], turned[0].flip(0))
    torch.testing.assert_close(states[0][1, -1], outputs[1, 0])  # what was read last is the first word


def test_weights_start_in_the_papers_range():
    model = Seq2Seq(replace(SPEC, width=40), source_vocabulary=14, target_vocabulary=13)
    largest = [p.abs().max() for p in model.parameters()]
    assert max(largest) <= 0.08
    assert min(largest) > 0.05


def test_dropout_is_between_all_layers_and_not_in_time():
    model = Seq2Seq(replace(SPEC, drop_rate=0.4), source_vocabulary=14, target_vocabulary=13)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.4, 0.4]
    assert (model.rnn.dropout, model.encoder.rnn.dropout) == (0.4, 0.4)
    single = Seq2Seq(replace(SPEC, drop_rate=0.4, depth=1), source_vocabulary=14, target_vocabulary=13)
    assert single.rnn.dropout == 0  # PyTorch would warn
    assert not torch.equal(single(SOURCE, TARGET), single(SOURCE, TARGET))
