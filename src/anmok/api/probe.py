"""What is this network like? Its bias card."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import nn

from anmok.api.subjects import Examinee, find_network, make_subject
from anmok.biases.vision import METRICS, SIDE, data_efficiency
from anmok.catalogue import create_model
from anmok.data import ImageData
from anmok.data.atomic import written_whole
from anmok.errors import RequestError
from anmok.probes import ProbeResult, Profile, Subject, run_probes
from anmok.probes.card import BiasCard
from anmok.report.card_drawing import draw_cards
from anmok.report.card_text import card_text
from anmok.selection.observer import Observer, Silent


def probe(  # noqa: PLR0913 - one argument for each option of the command
    model: str | Path | nn.Module,
    data: str | Path | ImageData | None = None,
    *,
    profile: str = "fast",
    pretrained: bool = False,
    image_size: int | None = None,
    seed: int = 0,
    observer: Observer | None = None,
) -> BiasCard:
    """Measure the inductive bias of a network: of the zoo, of a run directory, or any module.

    A module takes images normalised as ImageNet's, and may be anything else besides: what does not fit a question
    gets a reason in place of a number. `profile` is "fast" (seconds, sensible for random weights), "standard" or
    "full" (also what needs labels). Without `data` the images are pink noise; labels are used where the network was
    trained on these classes, and then the test split is looked at. The network is left as it was.
    Raises an `AnmokError` whose message says what to do.
    """
    watching = observer or Silent()
    chosen = choose_profile(profile)
    examinee = find_network(model, pretrained=pretrained, image_size=image_size)
    subject = make_subject(examinee, data, chosen, watching, seed=seed)
    return examine(examinee, subject, chosen, watching)


def choose_profile(profile: str) -> Profile:
    """By name; raises `RequestError` for none."""
    if profile not in tuple(Profile):
        raise RequestError(f"--profile takes {', '.join(Profile)}: got '{profile}'.")
    return Profile(profile)


def examine(examinee: Examinee, subject: Subject, profile: Profile, watching: Observer) -> BiasCard:
    """Ask all questions of a profile; beyond the fast one also how well such a network learns from few images."""
    watching.stage(f"Probes of {examinee.name}")
    results = run_probes(subject, profile, progress=watching.progress)
    if profile is not Profile.FAST:
        watching.stage(f"Data efficiency of {examinee.name}")
        results += tuple(_learn(examinee, subject.seed, watching))
    return BiasCard(
        name=examinee.name,
        kind=examinee.kind,
        trained=examinee.trained,
        source=subject.source,
        size=subject.size,
        profile=profile,
        seed=subject.seed,
        results=results,
    )


def _learn(examinee: Examinee, seed: int, watching: Observer) -> Sequence[ProbeResult]:
    """Short trainings of a fresh network; a module cannot be made anew."""
    if examinee.model is None:
        return [metric.missing("a module cannot be made anew: give its name, module:callable") for metric in METRICS]
    name = examinee.model

    def make(classes: int) -> nn.Module:
        return create_model(name, num_classes=classes, img_size=SIDE, in_chans=examinee.channels)

    return data_efficiency(make, seed=seed, progress=watching.progress)


def write_card(card: BiasCard, path: Path) -> None:
    """As JSON, a picture or text, by the file's ending.

    Raises `RequestError` for another ending, or a place that cannot be written to.
    """
    if path.suffix not in _FORMS:
        raise RequestError(f"A bias card is written as {', '.join(_FORMS)}: got '{path}'.")
    _write(_FORMS[path.suffix](card), path)


def write_picture(cards: Sequence[BiasCard], path: Path) -> None:
    """Several cards in one SVG file. Raises `RequestError` where it cannot be written."""
    if path.suffix != ".svg":
        raise RequestError(f"Cards side by side are drawn into an .svg file: got '{path}'.")
    _write(draw_cards(cards), path)


def _write(content: str, path: Path) -> None:
    try:
        with written_whole(path) as partial:
            partial.write_text(f"{content}\n", encoding="utf-8")
    except OSError as error:
        raise RequestError(f"'{path}' cannot be written: {error.strerror}. Choose another --out.") from error


_FORMS: Mapping[str, Callable[[BiasCard], str]] = {
    ".json": BiasCard.to_json,
    ".svg": lambda card: draw_cards([card]),
    ".txt": card_text,
}
