"""The words of a training set, and how texts are taken apart into them; by Hugging Face's tokenizers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from anmok.backbone.sequence import END, PADDING, START, UNKNOWN
from anmok.errors import RequestError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# No text has these words: they would be taken apart.
_FIRST = {"<padding>": PADDING, "<unknown>": UNKNOWN, "<start>": START, "<end>": END}
# English endings apart, as in Kim 2014 and the Penn treebank ("is n't", "it 's"), then words, then single signs.
_WORDS = r"n't\b|'(?:s|m|d|re|ve|ll)\b|\w+?(?=n't\b)|\w+|[^\w\s]"


class Vocabulary:
    """Words by number: lower-case, punctuation apart; what is written without blanks must be taken apart before."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._tokenizer = tokenizer

    @staticmethod
    def learn(texts: Iterable[str], *, least: int = 1) -> "Vocabulary":
        """The words that come `least` times or more, the most frequent first; all others are unknown."""
        learning = _pieces({})
        trainer = require_tokenizers().trainers.WordLevelTrainer(
            vocab_size=2**31, min_frequency=least, show_progress=False
        )
        learning.train_from_iterator(texts, trainer)
        found = sorted(learning.get_vocab().items(), key=lambda item: item[1])
        return Vocabulary(_pieces({word: number for number, (word, _) in enumerate(found, start=len(_FIRST))}))

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> "Vocabulary":
        """What `to_json` gave."""
        return Vocabulary(require_tokenizers().Tokenizer.from_str(json.dumps(stored)))

    def to_json(self) -> dict[str, Any]:
        """The tokenizer as a file of its library would have it."""
        stored: dict[str, Any] = json.loads(self._tokenizer.to_str())
        return stored

    def __len__(self) -> int:
        """Count the words, and the first ids, which stand for none."""
        return self._tokenizer.get_vocab_size()

    @property
    def words(self) -> list[str]:
        """Each at its number."""
        number_of = self._tokenizer.get_vocab()
        return sorted(number_of, key=number_of.__getitem__)

    def encode(self, texts: Sequence[str], *, longest: int | None = None) -> list[list[int]]:
        """The numbers of each text's words, of the first `longest` of them."""
        return [found.ids[:longest] for found in self._tokenizer.encode_batch(list(texts))]


def require_tokenizers() -> ModuleType:
    """The library; raises `RequestError` where it is not installed."""
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise RequestError(
            "Texts are taken apart by the library tokenizers, which is missing: run `pip install 'anmok[text]'`."
        ) from None
    return tokenizers


def _pieces(words: dict[str, int]) -> "Tokenizer":
    library = require_tokenizers()
    tokenizer: Tokenizer = library.Tokenizer(library.models.WordLevel({**_FIRST, **words}, unk_token="<unknown>"))
    tokenizer.normalizer = library.normalizers.Sequence(
        [library.normalizers.NFC(), library.normalizers.Lowercase(), library.normalizers.Replace("\u2019", "'")]
    )
    tokenizer.pre_tokenizer = library.pre_tokenizers.Split(library.Regex(_WORDS), behavior="removed", invert=True)
    return tokenizer
