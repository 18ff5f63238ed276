from dataclasses import replace

import pytest
import torch
from torch import exp, nn, tanh

from anmok.backbone.sequence import END, PADDING, START
from anmok.catalogue.names import require_network
from anmok.zoo.luong import Luong, LuongSpec, Score
from parity import scatter

SPEC = LuongSpec(width=5, embedding=4, depth=2, score=Score.DOT)
SOURCE = torch.tensor([[4, 9, 12, 7, END], [5, 6, END, PADDING, PADDING]])
TARGET = torch.tensor([[START, 10, 4, 11], [START, 6, 7, END]])


def score(model, state, hidden):
    """Eq. 8."""
    a = model.attention
    if model.spec.score is Score.DOT:
        return state @ hidden
    if model.spec.score is Score.GENERAL:
        return state @ a.key.weight @ hidden
    joined = torch.cat((a.query.weight, a.key.weight), 1)  # "W_a"
    return a.energy.weight[0] @ tanh(joined @ torch.cat((state, hidden)))


def by_hand(model, source, target):
    """Sec. 3: the decoder's LSTM, then the context, then the attentional vector, which goes into the next step."""
    states, hiddens = None, []
    for token in reversed(source):
        out, states = model.encoder.rnn(model.encoder.embed.weight[token][None, None], states)
        hiddens.insert(0, out[0, 0])
    vector, logits, shares = torch.zeros(5).double(), [], []
    for token in target:
        word = torch.cat((model.embed.weight[token], vector))
        out, states = model.rnn(word[None, None], states)
        scores = [score(model, out[0, 0], hidden) for hidden in hiddens]
        total = sum(exp(s) for s in scores)
        context = sum(exp(s) / total * hidden for s, hidden in zip(scores, hiddens, strict=True))
        vector = tanh(model.mix.weight @ torch.cat((context, out[0, 0])))
        logits.append(model.head.weight @ vector)
        shares.append([(exp(s) / total).item() for s in scores])
    return torch.stack(logits), torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("kind", Score)
def test_logits_are_those_of_the_equations(kind):
    model = Luong(replace(SPEC, score=kind), source_vocabulary=14, target_vocabulary=13).double()
    scatter(model)
    for parameter in model.parameters():
        parameter.data *= 4
    logits, weights = model(SOURCE, TARGET), model.alignment(SOURCE, TARGET)
    for row, length in enumerate((5, 3)):
        expected, shares = by_hand(model, SOURCE[row, :length].tolist(), TARGET[row].tolist())
        torch.testing.assert_close(logits[row], expected, atol=1e-13, rtol=0)
        torch.testing.assert_close(weights[row, :, :length], shares)


def test_input_feeding_tells_the_next_step_where_the_last_one_looked():
    model = Luong(replace(SPEC, initial=0.8), source_vocabulary=14, target_vocabulary=13).double()
    memory = model.encode(SOURCE)
    state = model.start(memory)
    assert not state[0].any()
    _, after = model.step(memory, state, TARGET[:, 0])
    told, _ = model.step(memory, after, TARGET[:, 1])
    untold, _ = model.step(memory, (torch.zeros_like(after[0]), *after[1:]), TARGET[:, 1])
    assert (told - untold).abs().max() > 1e-3


def test_presets_are_the_papers():
    for kind in Score:
        spec = require_network(f"luong_{kind}").spec
        assert (spec.width, spec.embedding, spec.depth, spec.drop_rate, spec.score) == (1000, 1000, 4, 0.2, kind)


def test_weights_start_in_the_papers_range():
    model = Luong(replace(SPEC, width=40), source_vocabulary=14, target_vocabulary=13)
    assert 0.09 < max(p.abs().max() for p in model.parameters()) <= 0.1


def test_dropout_is_between_all_layers_and_not_in_time():
    model = Luong(replace(SPEC, drop_rate=0.2), source_vocabulary=14, target_vocabulary=13)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.2, 0.2]
    assert (model.rnn.dropout, model.encoder.rnn.dropout) == (0.2, 0.2)
