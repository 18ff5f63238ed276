from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from anmok.catalogue.word_vectors import load_word_vectors
from anmok.errors import WeightsError
from anmok.zoo.bag_of_words import BagOfWords, BagOfWordsSpec
from anmok.zoo.text_cnn import TextCnn, TextCnnSpec, Words

WORDS = ["<padding>", "<unknown>", "<start>", "<end>", "good", "bad", "rare", "ugly"]
VECTORS = {"good": [1.0, 2.0, 3.0], "bad": [-1.0, 0.5, 0.0], "else": [9.0, 9.0, 9.0], "ugly": [0.25, -2.0, 1.5]}
LINES = "".join(f"{word} {' '.join(map(str, vector))}\n" for word, vector in VECTORS.items())


def network(words: Words = Words.MULTICHANNEL, vocabulary: int = len(WORDS), width: int = 3) -> TextCnn:
    torch.manual_seed(0)
    return TextCnn(TextCnnSpec(words=words, width=width, maps=2), vocabulary=vocabulary, num_classes=2)


@pytest.mark.parametrize("form", ["glove.txt", "word2vec.txt", "vectors.safetensors"])
def test_known_words_get_their_vectors_in_every_table(tmp_path: Path, form: str) -> None:
    path = tmp_path / form
    if form == "vectors.safetensors":
        save_file({word: torch.tensor(vector) for word, vector in VECTORS.items()}, path)
    else:
        path.write_text(("4 3\n" if form == "word2vec.txt" else "") + LINES)
    model = network()
    assert load_word_vectors(model, path, WORDS) == 3
    assert model.vectors_from == str(path)
    for table in model.tables:
        for word in ("good", "bad", "ugly"):
            assert table.weight[WORDS.index(word)].tolist() == VECTORS[word]
        assert not table.weight[0].any()
        assert table.weight[6].any()
    assert torch.equal(model.tables[0].weight, model.tables[1].weight)


def test_unknown_words_have_the_variance_of_the_known(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text(LINES)
    model = network(vocabulary=20_000)
    words = [*WORDS, *(f"w{i}" for i in range(20_000 - len(WORDS)))]
    load_word_vectors(model, path, words)
    known = torch.tensor([VECTORS[word] for word in ("good", "bad", "ugly")])
    drawn = model.tables[0].weight[len(WORDS) :]
    torch.testing.assert_close(drawn.var(), known.var(correction=0), rtol=0.02, atol=0)
    assert float(drawn.abs().max()) <= float((3 * known.var(correction=0)).sqrt())


def test_any_network_that_reads_texts_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text(LINES)
    model = BagOfWords(BagOfWordsSpec(width=3), vocabulary=len(WORDS), num_classes=2)
    assert load_word_vectors(model, path, WORDS) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("good 1 2\n", r"^The network has 3 numbers for a word: '.*v\.txt' line 1 has 2\. Choose other vectors, or"),
        (
            "x 1 2 3\ngood 1 two 3\n",
            r"^A line of word vectors is a word and numbers: '.*v\.txt' line 2 has '1 two 3'\.",
        ),
        (
            "x 1 2 3\n",
            r"^None of the 4 words of the data has a vector in '.*v\.txt'\. Give the text format of word2vec",
        ),
        (b"\xff\xfe", r"^The word vectors '.*v\.txt' are not UTF-8 text\. Give the text format of word2vec or GloVe,"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "v.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(WeightsError, match=message):
        load_word_vectors(network(), path, WORDS)


@pytest.mark.parametrize("name", ["none.txt", "none.safetensors"])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        WeightsError, match=r"^The word vectors '.*none\.\w+' cannot be read: No such file or directory"
    ):
        load_word_vectors(network(), tmp_path / name, WORDS)
