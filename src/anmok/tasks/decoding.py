"""Search for the translation that a network finds most probable: greedy, or with a beam."""

from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor

from anmok.backbone import Translator
from anmok.backbone.sequence import END, PADDING, START
from anmok.errors import RequestError
from anmok.shapes import TokenIds

LONGER = 50  # tokens that a translation may have beyond those of its source (Vaswani et al. 2017, sec. 6.1)


@torch.inference_mode()
def translate(
    network: Translator, source: TokenIds, *, beam: int = 1, length_penalty: float = 0.6, longer: int = LONGER
) -> list[list[int]]:
    """Ids of the best translation of each text, without start and end.

    A hypothesis Y scores log P(Y | X) / lp(Y) with lp(Y) = ((5 + |Y|) / 6)^length_penalty, |Y| counting the end
    (Wu et al. 2016, arXiv:1609.08144, eq. 14, without coverage). A search ends when `beam` hypotheses have ended
    among the first `beam`, when none that goes on can come to score more, or at the longest translation; if none
    has ended by then, the best one counts. A beam of 1 is greedy.
    """
    if beam < 1 or length_penalty < 0:
        raise RequestError(
            f"A beam has 1 or more hypotheses, and a length penalty is 0 or more: got beam={beam} and "
            f"length_penalty={length_penalty}. Give e.g. 4 and 0.6."
        )
    memory = network.encode(source)
    search = _Search(source, beam, length_penalty, longer)
    memory = search.spread(memory)
    state = network.start(memory)
    while len(search.texts):
        logits, state = network.step(memory, state, search.last())
        origins = search.extend(logits)
        state = _rows(state, origins)
        if len(origins) < len(logits):  # otherwise rows change places within their text alone
            memory = _rows(memory, origins)
    return search.found


@dataclass
class _Search:
    """The hypotheses of all texts that are not done: `written` (texts, beam, tokens) with their log-probabilities."""

    source: TokenIds
    beam: int
    length_penalty: float
    longer: int

    def __post_init__(self) -> None:
        count, device = len(self.source), self.source.device
        self.texts = torch.arange(count, device=device)  # that are not done
        self.limits = (self.source != PADDING).sum(1) + self.longer
        self.written = torch.full((count, self.beam, 1), START, device=device)
        self.scores = torch.full((count, self.beam), float("-inf"), device=device)
        self.scores[:, 0] = 0  # all else is the same hypothesis once more
        self.ended = torch.zeros(count, dtype=torch.long, device=device)  # hypotheses of each text
        self.best = torch.full((count,), float("-inf"), device=device)  # of those that ended
        self.found: list[list[int]] = [[] for _ in range(count)]

    def spread(self, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One row a hypothesis."""
        return tuple(tensor.repeat_interleave(self.beam, 0) for tensor in tensors)

    def last(self) -> Int[Tensor, " rows"]:
        """The token that each hypothesis wrote last."""
        return rearrange(self.written[:, :, -1], "texts beam -> (texts beam)")

    def extend(self, logits: Float[Tensor, "rows v"]) -> Int[Tensor, " kept"]:
        """Write one token more; the rows that those which go on come from."""
        logits = logits.float()
        logits[:, [PADDING, START]] = float("-inf")
        steps = rearrange(logits.log_softmax(1), "(texts beam) v -> texts beam v", beam=self.beam)
        scores, places = (self.scores[:, :, None] + steps).flatten(1).topk(min(2, steps.shape[2] - 2) * self.beam)
        parents, tokens = places // steps.shape[2], places % steps.shape[2]
        before = self.written.gather(1, repeat(parents, "texts k -> texts k n", n=self.written.shape[2]))
        written = torch.cat((before, tokens[:, :, None]), 2)
        ends = tokens == END
        self._take_in(written, scores, ends)
        kept = scores.masked_fill(ends, float("-inf")).topk(self.beam)
        self.scores, chosen = kept.values, kept.indices
        self.written = written.gather(1, repeat(chosen, "texts k -> texts k n", n=written.shape[2]))
        return self._go_on(parents.gather(1, chosen))

    def _take_in(
        self, written: Int[Tensor, "texts k n"], scores: Float[Tensor, "texts k"], ends: Bool[Tensor, "texts k"]
    ) -> None:
        """Keep the best of all that have ended among the first hypotheses."""
        length = written.shape[2] - 1
        ended = ends & scores.isfinite()
        ended[:, self.beam :] = False
        # At the limit a hypothesis counts as it is, where none has ended.
        last = (length >= self.limits) & (self.ended == 0) & ~ended.any(1)
        valued = (scores / self._penalty(length)).masked_fill(~(ended | last[:, None]), float("-inf"))
        value, place = valued.max(1)
        self.ended += ended.sum(1)
        for row in (value > self.best).nonzero()[:, 0].tolist():
            tokens = written[row, place[row], 1:].tolist()
            self.found[int(self.texts[row])] = tokens[:-1] if tokens[-1] == END else tokens
        self.best = self.best.maximum(value)

    def _go_on(self, parents: Int[Tensor, "texts beam"]) -> Int[Tensor, " kept"]:
        """Leave out the texts that are done."""
        length = self.written.shape[2] - 1
        attainable = self.scores[:, 0] / self._penalty(self.limits)
        stays = (self.ended < self.beam) & (attainable > self.best) & (length < self.limits)
        rows = parents + self.beam * torch.arange(len(parents), device=parents.device)[:, None]
        for name in ("texts", "limits", "written", "scores", "ended", "best"):
            setattr(self, name, getattr(self, name)[stays])
        return rearrange(rows[stays], "texts beam -> (texts beam)")

    def _penalty(self, length: Any) -> Any:
        return ((5 + length) / 6) ** self.length_penalty


def _rows(tensors: tuple[Tensor, ...], chosen: Int[Tensor, " kept"]) -> tuple[Tensor, ...]:
    return tuple(tensor[chosen] for tensor in tensors)
