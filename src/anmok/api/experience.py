"""What earlier data sets taught, and what that is worth."""

from dataclasses import dataclass
from pathlib import Path

from anmok.api.listing import list_images
from anmok.data import ImageData
from anmok.experience import (
    Backtest,
    ExperienceStore,
    Fingerprint,
    Memory,
    Prior,
    backtest,
    experience_file,
    look_at,
    prior,
    recall,
    similarity,
)
from anmok.selection.observer import Observer, Silent


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What the past expects on one data set."""

    data: str
    fingerprint: Fingerprint
    alike: dict[str, float]  # known data set -> similarity, the most alike first
    models: dict[str, Prior]  # model -> accuracy it should gain or lose on the mean of all models, best first


@dataclass(frozen=True, kw_only=True)
class Experience:
    """All of it."""

    path: Path  # of this machine's file, or the one that was named; it is there once something was remembered
    notes: tuple[str, ...]  # what had to be done about the file
    memory: Memory
    backtest: Backtest
    outlook: Outlook | None  # for the data that were given


def read_experience(
    data: str | Path | ImageData | None = None,
    *,
    experience: str | Path | None = None,
    observer: Observer | None = None,
) -> Experience:
    """Recall every data set that was raced or shipped, test the past on itself, and ask it about `data`.

    `experience` names a file or folder to use instead of this machine's. Nothing is written.
    Raises an `AnmokError` whose message says what to do.
    """
    watching = observer or Silent()
    store = ExperienceStore(experience_file(experience))
    memory = recall(store)
    outlook = None
    if data is not None:
        images = list_images(data, watching)
        watching.stage("Fingerprint")
        taken = look_at(images, progress=lambda done, total: watching.progress(done, total, "images"))
        outlook = look_out(memory, images.name, taken)
    notes = tuple(store.notes)
    return Experience(path=store.path, notes=notes, memory=memory, backtest=backtest(memory), outlook=outlook)


def look_out(memory: Memory, data: str, fingerprint: Fingerprint) -> Outlook:
    """Ask the past about a data set."""
    alike: dict[str, float] = {}
    for lesson in memory.lessons:
        alike[lesson.data] = max(similarity(lesson.fingerprint, fingerprint), alike.get(lesson.data, 0.0))
    expected = prior(memory, fingerprint, memory.models)
    return Outlook(
        data=data,
        fingerprint=fingerprint,
        alike=dict(sorted(alike.items(), key=lambda item: -item[1])),
        models=dict(sorted(expected.items(), key=lambda item: -item[1].mean)),
    )
