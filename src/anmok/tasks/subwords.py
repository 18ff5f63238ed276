"""A vocabulary of parts of words, learnt from texts; written and read as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anmok.backbone.sequence import END, PADDING, START, UNKNOWN
from anmok.catalogue.makers import require_package
from anmok.errors import WeightsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LARGEST = 32_000  # entries
RAREST = 20  # times that a pair of parts is seen before it is an entry of its own
_SPECIAL = {PADDING: "<padding>", UNKNOWN: "<unknown>", START: "<start>", END: "<end>"}


class Subwords:
    """Byte pair encoding (Sennrich et al. 2016, arXiv:1508.07909), by Hugging Face's `tokenizers`.

    Over bytes (Radford et al. 2019, sec. 2.2), so that no text has unknown parts, and what is decoded is the text
    again but for outer blanks. One vocabulary serves both languages, which lets names and numbers be copied.
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._tokenizer = tokenizer
        self._tokenizer.encode_special_tokens = True  # a text that holds "<end>" does not end there

    @staticmethod
    def learn(texts: Iterable[str]) -> "Subwords":
        """As many entries as the texts tell apart: each of its pairs is seen `RAREST` times or more."""
        library = require_package("tokenizers", "translation")
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.normalizer = library.normalizers.NFC()
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=LARGEST,
            min_frequency=RAREST,
            special_tokens=[_SPECIAL[id] for id in sorted(_SPECIAL)],
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return Subwords(tokenizer)

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> "Subwords":
        """The vocabulary that `config` gave; raises `WeightsError` where it is none."""
        library = require_package("tokenizers", "translation")
        model = config.get("model")
        if not isinstance(model, Mapping) or model.get("type") != "BPE" or not isinstance(model.get("vocab"), Mapping):
            raise WeightsError("The configuration of a translator has a vocabulary: got none. Train it again.")
        return Subwords(library.Tokenizer.from_str(json.dumps(config)))

    def config(self) -> dict[str, Any]:
        """All there is to know, as JSON values."""
        stored: dict[str, Any] = json.loads(self._tokenizer.to_str())
        return stored

    def __len__(self) -> int:
        """Count the entries, special ones with them."""
        return self._tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text's parts, without start and end."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The text of each list of ids; special ones say nothing."""
        return [text.strip() for text in self._tokenizer.decode_batch([list(each) for each in ids])]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """How each part reads by itself, a blank before it where a word begins."""
        return [_SPECIAL.get(id) or self._tokenizer.decode([id]) for id in ids]
