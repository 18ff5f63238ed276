"""What every translator promises, asked of the smallest of each kind."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from anmok.backbone import Task
from anmok.backbone.sequence import END, PADDING, START
from anmok.catalogue import list_models
from anmok.catalogue.names import require_network
from anmok.catalogue.published import read_published
from anmok.errors import SpecError

V = 30
ROWS = read_published()
SMALL = [name for name in list_models(task=Task.TRANSLATION) if require_network(name).is_ours]
SOURCE = torch.tensor([[4, 9, 12, 7, 20, END], [5, 6, END, PADDING, PADDING, PADDING], [8, 29, 4, 4, END, PADDING]])
TARGET = torch.tensor([[START, 10, 4, 11, 28], [START, 6, 7, END, PADDING], [START, 9, 9, 9, 4]])


def build(name, vocabulary=V):
    torch.manual_seed(0)
    preset = require_network(name)
    return preset.architecture.model(preset.spec, source_vocabulary=vocabulary, target_vocabulary=vocabulary)


def test_each_kind_has_a_small_preset():
    families = {require_network(name).family for name in list_models(task=Task.TRANSLATION)}
    assert (
        {require_network(name).family for name in SMALL} == families == {"seq2seq", "bahdanau", "luong", "transformer"}
    )


@pytest.mark.parametrize("name", [n for n in list_models(task=Task.TRANSLATION) if n in ROWS])
def test_the_papers_networks_have_the_counted_size(name):
    row, preset = ROWS[name], require_network(name)
    sizes = {key: row[key] for key in ("source_vocabulary", "target_vocabulary")}
    with torch.device("meta"):
        model = preset.architecture.model(preset.spec, **sizes)
    assert sum(p.numel() for p in model.parameters()) == row["params"]


@pytest.mark.parametrize("name", SMALL)
def test_one_step_after_another_writes_what_teacher_forcing_sees(name):
    model = build(name).eval()
    with torch.inference_mode():
        forced = model(SOURCE, TARGET)
        memory = model.encode(SOURCE)
        state, steps = model.start(memory), []
        for token in TARGET.T:
            logits, state = model.step(memory, state, token)
            steps.append(logits)
    torch.testing.assert_close(torch.stack(steps, 1), forced, atol=1e-5, rtol=0)
    assert all(tensor.shape[0] == len(SOURCE) for tensor in (*memory, *state))


@pytest.mark.parametrize("name", SMALL)
def test_padding_changes_no_answer(name):
    model = build(name).eval()
    logits = model(SOURCE, TARGET)
    more = torch.full((3, 4), PADDING)
    torch.testing.assert_close(model(torch.cat((SOURCE, more), 1), TARGET), logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(model(SOURCE, torch.cat((TARGET, more), 1))[:, :5], logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(model(SOURCE[1:2, :3], TARGET[1:2]), logits[1:2], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SMALL)
def test_no_word_sees_those_after_it_and_all_see_the_source(name):
    model = build(name).eval()
    logits = model(SOURCE, TARGET)
    later, other = TARGET.clone(), SOURCE.clone()
    later[:, 3], other[:, 1] = 5, 15
    changed = (model(SOURCE, later) - logits).abs().amax(2)
    assert (changed[:, :3] == 0).all()
    assert (changed[:, 3] > 0).all()
    assert ((model(other, TARGET) - logits).abs().amax(2) > 0).all()


@pytest.mark.parametrize("name", SMALL)
def test_alignments_sum_to_one_over_words_alone(name):
    model = build(name).eval()
    weights = model.alignment(SOURCE, TARGET)
    if name.startswith(("seq2seq", "rnnencdec")):
        assert weights is None
        return
    assert weights.shape == (3, 5, 6)
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 5))
    assert (weights.mT[SOURCE == PADDING] == 0).all()
    assert (weights.mT[SOURCE != PADDING] > 0).all()


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_gets_a_gradient(name):
    model = build(name)
    model(SOURCE, TARGET).square().sum().backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.any() or parameter.ndim == 1, label


@pytest.mark.parametrize("name", SMALL)
def test_a_text_without_words_is_no_accident(name):
    model = build(name)
    logits = model(torch.tensor([[PADDING]]), torch.tensor([[START]]))
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", SMALL)
def test_a_few_steps_learn_a_few_sentences(name):
    model = build(name).eval()
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3 if "transformer" not in name else 1e-3)
    wanted = torch.tensor([[10, 4, 11, 28, END], [6, 7, END, PADDING, PADDING], [9, 9, 9, 4, END]])
    for _ in range(50):
        loss = cross_entropy(model(SOURCE, TARGET).flatten(0, 1), wanted.flatten(), ignore_index=PADDING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3


@pytest.mark.parametrize("name", [name for name in SMALL if "lstm" not in name])  # torch's needs a CPU with bfloat16
def test_half_precision_is_taken(name):
    model = build(name)
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(SOURCE, TARGET).float().square().mean()
    loss.backward()
    assert loss.isfinite()


def test_the_small_ones_are_of_about_equal_size():
    sizes = [sum(p.numel() for p in build(name, 3300).parameters()) for name in SMALL]
    assert max(sizes) < 1.1 * min(sizes)


@pytest.mark.parametrize("name", SMALL[:1])
def test_a_vocabulary_has_words(name):
    with pytest.raises(SpecError) as error:
        build(name, 4)
    assert str(error.value) == (
        "A translator knows more than 4 tokens of each language: got source_vocabulary=4 and target_vocabulary=4."
    )
