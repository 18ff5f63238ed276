import pytest
import torch

from anmok.errors import SpecError
from anmok.zoo.text_rnn import Cell, TextRnn, TextRnnSpec
from texts import LENGTHS, check_that_padding_changes_nothing, texts


def small(cell):
    torch.manual_seed(0)
    return TextRnn(TextRnnSpec(cell=cell, width=6, hidden=5), vocabulary=40, num_classes=3).double().eval()


def step_of_lstm(x, state, w_in, w_state, bias_in, bias_state):
    h, c = state
    i, f, g, o = (w_in @ x + bias_in + w_state @ h + bias_state).chunk(4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def step_of_gru(x, state, w_in, w_state, bias_in, bias_state):
    (h, _) = state
    (r, z, n), (r_h, z_h, n_h) = (w_in @ x + bias_in).chunk(3), (w_state @ h + bias_state).chunk(3)
    z = (z + z_h).sigmoid()
    return (1 - z) * (n + (r + r_h).sigmoid() * n_h).tanh() + z * h, h


@pytest.mark.parametrize(("cell", "step"), [(Cell.LSTM, step_of_lstm), (Cell.GRU, step_of_gru)])
def test_logits_are_those_of_the_equations(cell, step):
    model, expected = small(cell), []
    for row, length in zip(texts(), LENGTHS, strict=True):
        sentence, ends = row[: max(1, length)].tolist(), []
        for direction, way in (("", 1), ("_reverse", -1)):
            names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
            weights = [getattr(model.recurrence, name + direction) for name in names]
            state = (torch.zeros(5, dtype=torch.float64),) * 2
            for token in sentence[::way]:
                state = step(model.table.weight[token], state, *weights)
            ends.append(state[0])
        expected.append(model.head.weight @ torch.cat(ends) + model.head.bias)
    torch.testing.assert_close(model(texts()), torch.stack(expected))


@pytest.mark.parametrize("cell", Cell)
def test_padding_changes_nothing(cell):
    check_that_padding_changes_nothing(small(cell))


@pytest.mark.parametrize("cell", Cell)
def test_order_counts(cell):
    model = small(cell)
    assert (model(torch.tensor([[5, 6, 7]])) - model(torch.tensor([[7, 6, 5]]))).abs().max() > 1e-4


def test_numbers_are_positive():
    with pytest.raises(SpecError) as error:
        TextRnnSpec(cell=Cell.GRU, hidden=0)
    assert str(error.value) == (
        "A text RNN has word vectors and a state: got width=300 and hidden=0. Make both 1 or more."
    )
