import builtins
import json

import pytest

from anmok.data.vocabulary import Vocabulary
from anmok.errors import RequestError


def words_of(text: str) -> list[str]:
    vocabulary = Vocabulary.learn([text])
    return [vocabulary.words[id] for id in vocabulary.encode([text])[0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It isn't Bob's, is it?", ["it", "is", "n't", "bob", "'s", ",", "is", "it", "?"]),
        ("They’ve said we’d CAN’T", ["they", "'ve", "said", "we", "'d", "ca", "n't"]),
        ("ca n't well-made $5.50", ["ca", "n't", "well", "-", "made", "$", "5", ".", "50"]),
        ("rock'n'roll 's dogs'", ["rock", "'", "n", "'", "roll", "'s", "dogs", "'"]),
        ("Über-naïve cafe\u0301 Ça", ["über", "-", "naïve", "café", "ça"]),
        ("\t\n", []),
    ],
)
def test_texts_are_taken_apart_in_lower_case_with_endings_and_punctuation_apart(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_frequent_words_come_first_and_rare_ones_are_unknown() -> None:
    vocabulary = Vocabulary.learn(["b a b c", "a b d"], least=2)
    assert vocabulary.words == ["<padding>", "<unknown>", "<start>", "<end>", "b", "a"]
    assert len(vocabulary) == 6
    assert vocabulary.encode(["a c b z", ""]) == [[5, 1, 4, 1], []]
    assert vocabulary.encode(["a a b b"], longest=3) == [[5, 5, 4]]


def test_words_as_frequent_as_each_other_are_in_the_order_of_their_letters() -> None:
    texts = ["delta alpha echo", "bravo charlie", "x x"]
    assert Vocabulary.learn(texts).words[4:] == ["x", "alpha", "bravo", "charlie", "delta", "echo"]


def test_no_text_has_padding_or_an_end_in_it() -> None:
    text = "<padding> <end> [PAD] <unknown>"
    vocabulary = Vocabulary.learn([text])
    assert min(vocabulary.encode([text])[0]) > 3


def test_it_is_stored_as_json() -> None:
    vocabulary = Vocabulary.learn(["It isn't Bob's."])
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again.words == vocabulary.words
    assert again.encode(["Isn't it?"]) == vocabulary.encode(["Isn't it?"])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "tokenizers":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RequestError) as error:
        Vocabulary.learn(["a"])
    assert str(error.value) == (
        "Texts are taken apart by the library tokenizers, which is missing: run `pip install 'anmok[text]'`."
    )
