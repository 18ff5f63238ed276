"""Which words of a sentence a translator looks at, as a picture."""

from collections.abc import Sequence

from jaxtyping import Float
from markupsafe import Markup
from torch import Tensor

_CELL = 22.0  # pixels
_LETTER = 6.9  # width of one at 12 px, generous for a proportional face


def draw_alignment(weights: Float[Tensor, "m n"], source: Sequence[str], target: Sequence[str]) -> str:
    """SVG: one row for each word of the target, one column for each of the source, darker the more it is looked at."""
    left, top = (12 + _LETTER * max(map(len, words)) for words in (target, source))
    width, height = left + _CELL * len(source) + 2, top + _CELL * len(target) + 2
    parts = [_word(left + (i + 0.5) * _CELL + 4, top - 6, word, turn=-90) for i, word in enumerate(source)]
    for i, (word, row) in enumerate(zip(target, weights.tolist(), strict=True)):
        parts.append(_word(left - 6, top + (i + 0.5) * _CELL + 4, word))
        for j, weight in enumerate(row):
            cell = Markup(
                '<rect x="{:.1f}" y="{:.1f}" width="{c}" height="{c}" fill="currentColor" fill-opacity="{:.2f}">'
                "<title>{} looks at {}: {:.0%}</title></rect>"
            )
            place = (left + j * _CELL, top + i * _CELL)
            parts.append(cell.format(*place, 0.04 + 0.96 * weight, word, source[j], weight, c=_CELL - 1.5))
    title = Markup("Alignment of: {}").format(" ".join(source))
    frame = Markup('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {:.0f} {:.0f}" width="{:.0f}" role="img">')
    return frame.format(width, height, width) + Markup("<title>{}</title>{}</svg>").format(
        title, Markup("\n").join(parts)
    )


def _word(x: float, y: float, word: str, turn: int = 0) -> Markup:
    anchor, turned = (
        ("start", Markup(' transform="rotate({} {:.1f} {:.1f})"').format(turn, x, y)) if turn else ("end", "")
    )
    markup = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="tick" font-size="12"{}>{}</text>')
    return markup.format(x, y, anchor, turned, word)
