import pytest
import torch

from anmok.catalogue.names import require_network
from anmok.catalogue.published import read_published
from anmok.errors import SpecError
from anmok.zoo.bag_of_words import ARCHITECTURE, BagOfWords, BagOfWordsSpec, MeanWord
from texts import LENGTHS, check_that_padding_changes_nothing, texts


def small(*hidden):
    torch.manual_seed(0)
    spec = BagOfWordsSpec(width=6, hidden=hidden)
    return BagOfWords(spec, vocabulary=40, num_classes=3).double().eval()


@pytest.mark.parametrize("hidden", [(), (5, 4)])
def test_logits_are_those_of_the_equations(hidden):
    model, expected = small(*hidden), []
    for row, length in zip(texts(), LENGTHS, strict=True):
        z = sum((model.mean.table.weight[token] for token in row[:length]), torch.zeros(6, dtype=torch.float64))
        z = z / max(1, length)
        for layer in model.layers[::2]:
            z = (layer.weight @ z + layer.bias).clamp(min=0)
        expected.append(model.head.weight @ z + model.head.bias)
    torch.testing.assert_close(model(texts()), torch.stack(expected))


def test_padding_changes_nothing():
    check_that_padding_changes_nothing(small(5))


def test_order_does_not_count():
    model, row = small(5), texts()[2:3]
    torch.testing.assert_close(model(row.flip(1)), model(row))


def test_whole_words_are_dropped_and_never_all():
    torch.manual_seed(0)
    mean = MeanWord(40, 40, drop_rate=0.5)
    mean.table.weight.data.copy_(torch.eye(40))
    seen = mean.train()(torch.arange(4, 8).repeat(3000, 1))[:, 4:8]
    kept = seen > 0
    torch.testing.assert_close(seen, kept / kept.sum(1, keepdim=True))
    # Of 16 equally likely choices the empty one stands for all four words.
    assert abs(kept.all(1).float().mean() - 2 / 16) < 0.02
    assert kept.any(1).all()


@pytest.mark.parametrize("name", ARCHITECTURE.presets)
def test_presets_have_the_published_parameters(name):
    with torch.device("meta"):
        model = BagOfWords(require_network(name).spec, vocabulary=18_765 + 4, num_classes=2)
    assert sum(p.numel() for p in model.parameters()) == read_published()[name]["params"]


def test_numbers_are_positive():
    with pytest.raises(SpecError) as error:
        BagOfWordsSpec(hidden=(3, 0))
    assert str(error.value) == (
        "A bag of words has word vectors, and units in each layer: got width=300 and hidden=(3, 0). "
        "Make them 1 or more."
    )
