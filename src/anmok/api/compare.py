"""Several networks side by side."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from anmok.api.probe import choose_profile, examine
from anmok.api.subjects import find_network, make_subject
from anmok.data import ImageData
from anmok.errors import RequestError
from anmok.probes.card import BiasCard
from anmok.report.card_drawing import MOST
from anmok.selection.observer import Observer, Silent


def compare(  # noqa: PLR0913 - one argument for each option of the command
    models: Sequence[str | Path | nn.Module | BiasCard],
    data: str | Path | ImageData | None = None,
    *,
    profile: str = "standard",
    pretrained: bool = False,
    image_size: int | None = None,
    seed: int = 0,
    observer: Observer | None = None,
) -> list[BiasCard]:
    """Probe up to six networks on the same images; a card, or its JSON file, is taken as it is.

    Networks that are made for different sizes are all shown the size of the first, unless `image_size` is given.
    Metrics compare where their definitions are equal. Raises an `AnmokError` whose message says what to do.
    """
    watching = observer or Silent()
    chosen = choose_profile(profile)
    if not 2 <= len(models) <= MOST:
        raise RequestError(f"A comparison takes 2 to {MOST} networks: got {len(models)}.")
    cards: list[BiasCard] = []
    for model in models:
        card = model if isinstance(model, BiasCard) else _read(model)
        if not isinstance(card, BiasCard):
            side = image_size or (cards[0].size[0] if cards else None)
            examinee = find_network(card, pretrained=pretrained, image_size=side)
            card = examine(examinee, make_subject(examinee, data, chosen, watching, seed=seed), chosen, watching)
        cards.append(card)
    return cards


def _read(model: str | Path | nn.Module) -> str | Path | nn.Module | BiasCard:
    """The card in a JSON file; what has to be probed as it is."""
    if isinstance(model, nn.Module) or Path(model).suffix != ".json":
        return model
    try:
        return BiasCard.from_json(Path(model).read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"'{model}' cannot be read: {error.strerror}. Write it with `anmok probe --out`.") from error
