import builtins
import json

import pytest

from anmok.backbone.sequence import END, PADDING, START, UNKNOWN
from anmok.errors import RequestError, WeightsError
from anmok.tasks.subwords import RAREST, Subwords

TEXTS = ["The old dog sleeps.", "Der alte Hund schläft."] * RAREST


@pytest.fixture(scope="module")
def subwords() -> Subwords:
    pytest.importorskip("tokenizers")
    return Subwords.learn(TEXTS)


@pytest.mark.parametrize(
    "text", ["The old dog sleeps.", "Größe: 3,5 €", "日本語 😀", "<end> <padding>", "a  b\tc", "e\u0301"]
)
def test_what_is_decoded_is_the_text(subwords: Subwords, text: str) -> None:
    (ids,) = subwords.encode([text])
    assert subwords.decode([ids]) == [text if text != "e\u0301" else "é"]
    assert not {PADDING, UNKNOWN, START, END} & set(ids)
    assert "".join(subwords.pieces(ids)).strip() == subwords.decode([ids])[0] or not text.isascii()


def test_frequent_words_are_one_entry_and_rare_ones_several(subwords: Subwords) -> None:
    frequent, rare = subwords.encode(["dog", "gods"])
    assert len(frequent) == 1 < len(rare)
    assert subwords.pieces([*frequent, END]) == [" dog", "<end>"]
    assert max(max(ids) for ids in subwords.encode(TEXTS)) < len(subwords)


def test_special_entries_say_nothing(subwords: Subwords) -> None:
    (ids,) = subwords.encode(["dog"])
    assert subwords.decode([[START, *ids, END, PADDING], []]) == ["dog", ""]


def test_it_is_the_same_each_time_and_after_json(subwords: Subwords) -> None:
    again = Subwords.from_config(json.loads(json.dumps(subwords.config())))
    assert again.config() == Subwords.learn(TEXTS).config() == subwords.config()
    assert again.encode(["Der Hund <end>"]) == subwords.encode(["Der Hund <end>"])


def test_another_configuration_is_refused() -> None:
    pytest.importorskip("tokenizers")
    with pytest.raises(WeightsError) as error:
        Subwords.from_config({"model": {"type": "WordLevel", "vocab": {}}})
    assert str(error.value) == "The configuration of a translator has a vocabulary: got none. Train it again."


def test_without_the_library_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *rest: object, **more: object) -> object:
        if name == "tokenizers":
            raise ModuleNotFoundError("No module named 'tokenizers'", name="tokenizers")
        return real(name, *rest, **more)

    import importlib

    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(RequestError) as error:
        Subwords.learn(TEXTS)
    assert str(error.value) == "'translation' needs tokenizers: run `pip install tokenizers` and repeat."
    assert builtins.__import__
