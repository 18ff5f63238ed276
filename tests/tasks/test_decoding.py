from itertools import product

import pytest
import torch
from torch import Tensor

from anmok.backbone.sequence import END, PADDING, START, UNKNOWN, NetworkSpec, Translator
from anmok.catalogue.names import require_network
from anmok.errors import RequestError
from anmok.tasks.decoding import translate
from anmok.zoo.bahdanau import Bahdanau, BahdanauSpec
from anmok.zoo.transformer import Transformer, TransformerSpec

V = 6  # two words


def tiny(seed: int, heat: float = 3.0) -> Translator:
    torch.manual_seed(seed)
    model = Bahdanau(BahdanauSpec(width=6, embedding=5, readout=4), source_vocabulary=9, target_vocabulary=V)
    for parameter in model.parameters():
        parameter.data.normal_(std=0.7)
    model.head.weight.data *= heat
    return model.double().eval()


def log_probability(model: Translator, source: Tensor, target: tuple[int, ...]) -> float:
    logits = model(source, torch.tensor([[START, *target[:-1]]]))[0]
    logits[:, [PADDING, START]] = float("-inf")
    return float(logits.log_softmax(1)[range(len(target)), list(target)].sum())


def exhaustive(model: Translator, source: Tensor, longest: int, penalty: float) -> list[int]:
    words = [UNKNOWN, 4, 5]
    ended = [(*text, END) for n in range(longest) for text in product(words, repeat=n)]
    values = {text: log_probability(model, source, text) / ((5 + len(text)) / 6) ** penalty for text in ended}
    return list(max(values, key=values.__getitem__)[:-1])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("penalty", [0.0, 0.6, 2.0])
def test_a_wide_beam_finds_what_an_exhaustive_search_finds(seed: int, penalty: float) -> None:
    model, source = tiny(seed), torch.tensor([[4, 7, 5, END]])
    with torch.no_grad():
        expected = exhaustive(model, source, longest=4, penalty=penalty)
    # Three words and an end at most; the beam holds every hypothesis.
    assert translate(model, source, beam=3**4, length_penalty=penalty, longer=0) == [expected]


def by_greed(model: Translator, source: Tensor, longest: int) -> list[int]:
    written: list[int] = []
    while len(written) < longest:
        logits = model(source, torch.tensor([[START, *written]]))[0, -1]
        logits[[PADDING, START]] = float("-inf")
        token = int(logits.argmax())
        if token == END:
            break
        written.append(token)
    return written


@pytest.mark.parametrize("seed", range(4))
def test_a_beam_of_one_is_greedy(seed: int) -> None:
    model, sources = tiny(seed), torch.randint(4, 9, (5, 3))
    with torch.no_grad():
        expected = [by_greed(model, source[None], 3 + 7) for source in sources]
    assert translate(model, sources, beam=1, longer=7) == expected


@pytest.mark.parametrize("beam", [1, 3, 4])
def test_a_text_is_translated_alike_in_any_company(beam: int) -> None:
    model = tiny(1)
    texts = [[4, 5, 6, END], [8, END], [5, 5, 7, 8, 4, 6, END]]
    alone = [translate(model, torch.tensor([text]), beam=beam)[0] for text in texts]
    padded = torch.tensor([text + [PADDING] * (9 - len(text)) for text in texts])
    assert translate(model, padded, beam=beam) == alone


@pytest.mark.parametrize("beam", [2, 3])
def test_a_beam_scores_no_less_than_greed_where_nothing_is_cut_off(beam: int) -> None:
    gains = []
    for seed in range(8):
        model, source = tiny(seed, heat=1.0), torch.tensor([[4, 7, END]])
        found = [(*translate(model, source, beam=k, length_penalty=0.0)[0], END) for k in (1, beam)]
        with torch.no_grad():
            gains.append(log_probability(model, source, found[1]) - log_probability(model, source, found[0]))
    assert sum(gain >= -1e-9 for gain in gains) >= 7
    assert max(gains) > 0.01


def test_a_heavier_penalty_writes_longer_texts() -> None:
    lengths = []
    for penalty in (0.0, 1.0, 3.0):
        found = [
            translate(tiny(seed, heat=1.0), torch.tensor([[4, 7, 5, END]]), beam=6, length_penalty=penalty)
            for seed in range(6)
        ]
        lengths.append(sum(len(text) for (text,) in found))
    assert lengths[0] < lengths[1] < lengths[2]


def test_a_network_that_never_ends_is_cut_off() -> None:
    model = tiny(0)
    model.head.bias.data[END] = -1e9
    (text,) = translate(model, torch.tensor([[4, 7, END]]), beam=2, longer=4)
    assert len(text) == 7


@pytest.mark.parametrize("name", ["seq2seq_lstm_nano", "luong_general_nano", "transformer_nano", "rnnencdec_nano"])
def test_every_kind_of_translator_is_searched(name: str) -> None:
    preset = require_network(name)
    torch.manual_seed(0)
    model = preset.architecture.model(preset.spec, source_vocabulary=9, target_vocabulary=9).eval()
    sources = torch.tensor([[4, 5, 6, END], [8, END, PADDING, PADDING]])
    with torch.no_grad():
        greedy = [by_greed(model, sources[:1], 8), by_greed(model, sources[1:, :2], 6)]
    assert translate(model, sources, longer=4) == greedy
    assert translate(model, sources, beam=3, longer=4) == [
        translate(model, sources[:1], beam=3, longer=4)[0],
        translate(model, sources[1:, :2], beam=3, longer=4)[0],
    ]


def test_padding_and_start_are_never_written() -> None:
    model = Transformer(
        TransformerSpec(width=8, depth=1, num_heads=2, hidden=8), source_vocabulary=9, target_vocabulary=9
    )
    model.embed.weight.data[[PADDING, START]] *= 100
    found = translate(model.eval(), torch.randint(4, 9, (6, 4)), beam=2)
    assert not {PADDING, START} & {token for text in found for token in text}


def test_a_beam_without_hypotheses_is_refused() -> None:
    with pytest.raises(RequestError) as error:
        translate(tiny(0), torch.tensor([[4, END]]), beam=0)
    assert str(error.value) == (
        "A beam has 1 or more hypotheses, and a length penalty is 0 or more: got beam=0 and length_penalty=0.6. "
        "Give e.g. 4 and 0.6."
    )
    assert NetworkSpec().drop_rate == 0
