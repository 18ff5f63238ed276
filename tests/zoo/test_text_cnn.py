import pytest
import torch

from anmok.backbone import Task
from anmok.catalogue import list_models
from anmok.catalogue.names import require_network
from anmok.catalogue.published import read_published
from anmok.errors import SpecError
from anmok.zoo.text_cnn import ARCHITECTURE, TextCnn, TextCnnSpec, Words
from texts import LENGTHS, check_that_padding_changes_nothing, texts


def small(words=Words.RANDOM, **numbers):
    torch.manual_seed(0)
    spec = TextCnnSpec(words=words, **{"width": 6, "maps": 5, "windows": (1, 2, 4), **numbers})
    return TextCnn(spec, vocabulary=40, num_classes=3).double().eval()


def logits_by_loops(model, sentence):
    """The paper's equations 1 to 4, a window at a time; a channel at a time where there are two."""
    features = []
    for strongest in model.filters:
        maps, _, _, size = strongest.conv.weight.shape
        edge = [0] * (size - 1)
        padded = [*edge, *sentence, *edge]
        windows = [padded[i : i + size] for i in range(len(padded) - size + 1)] or [[0] * size]
        values = []
        for window in windows:
            value = strongest.conv.bias.clone()
            for table in model.tables:
                for place, token in enumerate(window):
                    value = value + strongest.conv.weight[:, :, 0, place] @ table.weight[token]
            values.append(value.clamp(min=0) if sentence or size > 1 else torch.zeros(maps, dtype=torch.float64))
        features.append(torch.stack(values).max(0).values)
    z = torch.cat(features)
    rows = [w * min(1, model.head.max_norm / w.norm()) for w in model.head.weight]
    return torch.stack([w @ z for w in rows]) + model.head.bias


@pytest.mark.parametrize("words", Words)
def test_logits_are_those_of_the_equations(words):
    model = small(words)
    model.head.weight.data[0] *= 30  # longer than it may be
    expected = [logits_by_loops(model, row[:length].tolist()) for row, length in zip(texts(), LENGTHS, strict=True)]
    torch.testing.assert_close(model(texts()), torch.stack(expected), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("words", Words)
def test_padding_changes_nothing(words):
    check_that_padding_changes_nothing(small(words))


def test_a_phrase_means_the_same_wherever_it_stands():
    model, filler = small(windows=(3,)), [9] * 6
    for place in range(3, 6):
        here, there = ([*filler[:i], 4, 5, 6, *filler[i:]] for i in (2, place))
        torch.testing.assert_close(model(torch.tensor([here])), model(torch.tensor([there])))


@pytest.mark.parametrize(
    ("words", "learnt", "fixed"),
    [(Words.RANDOM, 1, 0), (Words.STATIC, 0, 1), (Words.NON_STATIC, 1, 0), (Words.MULTICHANNEL, 1, 1)],
)
def test_vectors_learn_or_stay_and_padding_has_none(words, learnt, fixed):
    model = small(words).train()
    model(texts()).square().sum().backward()
    assert sum(table.weight.requires_grad for table in model.tables) == learnt
    assert sum(table.weight.grad is None for table in model.tables) == fixed
    for table in model.tables:
        assert not table.weight[0].any()
        assert table.weight.grad is None or not table.weight.grad[0].any()


def test_a_step_along_a_weight_vector_that_is_too_long_has_no_effect():
    model = small()
    model.head.weight.data *= 100
    model(texts()).square().sum().backward()
    along = (model.head.weight * model.head.weight.grad).sum(1) / model.head.weight.norm(dim=1)
    assert along.abs().max() < 1e-6 * model.head.weight.grad.norm()


@pytest.mark.parametrize("name", ARCHITECTURE.presets)
def test_presets_are_listed_for_texts_and_have_the_published_parameters(name):
    assert name in list_models(task=Task.TEXT_CLASSIFICATION)
    assert name not in list_models()
    with torch.device("meta"):
        model = TextCnn(require_network(name).spec, vocabulary=18_765 + 4, num_classes=2)
    assert sum(p.numel() for p in model.parameters()) == read_published()[name]["params"]


def test_a_vocabulary_has_words():
    with pytest.raises(SpecError) as error:
        TextCnn(TextCnnSpec(), vocabulary=4, num_classes=2)
    assert str(error.value) == (
        "A text classifier knows more than 4 tokens and 1 or more classes: got vocabulary=4 and num_classes=2."
    )


def test_numbers_are_positive():
    with pytest.raises(SpecError) as error:
        TextCnnSpec(windows=(3, 0))
    assert str(error.value) == (
        "A text CNN has word vectors, windows, maps and a norm above 0: got width=300, windows=(3, 0), maps=100 and "
        "max_norm=3. Make them positive."
    )
