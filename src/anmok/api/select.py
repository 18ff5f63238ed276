"""The main job: labelled images in; a chosen, explained, trained and exported backbone out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from anmok.api.bench import choose_meter
from anmok.api.listing import list_images
from anmok.backbone import Task
from anmok.data import ImageData
from anmok.errors import RequestError
from anmok.evaluation.measurements import Measurement
from anmok.experience import experience_file
from anmok.report import is_training, write_report, write_task_report
from anmok.selection import select as selection
from anmok.selection.campaign import Campaign
from anmok.selection.decide import Decision, decide
from anmok.selection.final import TEST_ACCURACY
from anmok.selection.leaderboard import leaderboard
from anmok.selection.log import Logged
from anmok.selection.meter import require_energy
from anmok.selection.objectives import make_wish, read_test
from anmok.selection.observer import Observer, Silent
from anmok.selection.preference import Preference
from anmok.selection.quantities import parse_count, parse_mebibytes, parse_seconds
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory
from anmok.selection.workers import Workers
from anmok.serving import Classifier, TaskNetwork, load


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a run decided and left behind."""

    path: Path  # the run directory
    decision: Decision

    @property
    def leaderboard(self) -> pl.DataFrame:
        """All candidates, best first."""
        return leaderboard(self.decision)

    @property
    def best(self) -> Classifier | TaskNetwork:
        """The trained winner."""
        return load(self.path)

    @property
    def test_accuracy(self) -> Measurement:
        """Share of the untouched test images that the trained winner answers right, with its interval."""
        return RunDirectory(self.path).measurements.rows(metric=TEST_ACCURACY)[-1]

    @property
    def test_score(self) -> Measurement:
        """What it reaches there in the objective: the test accuracy where no other was asked for."""
        return read_test(RunDirectory(self.path).measurements)

    @property
    def report(self) -> Path:
        """The page that explains it all."""
        return RunDirectory(self.path).report


def select(  # noqa: PLR0913 - one argument for each option of the command
    data: str | Path | ImageData,
    *,
    task: str | None = None,
    budget: str = "30m",
    max_latency: str | None = None,
    max_params: str | None = None,
    max_memory: str | None = None,
    models: Sequence[str] = (),
    pretrained: bool = False,
    weights: str | Path | None = None,
    epochs: int | None = None,
    image_size: int | None = None,
    device: str | Path | None = None,
    runtime: str | None = None,
    experience: str | Path | None = None,
    objective: str | None = None,
    costs: str | Path | None = None,
    prefer: str | None = None,
    engine: str = "local",
    workers: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    observer: Observer | None = None,
) -> Selection:
    """Choose a backbone for labelled images by measurement, train it, export it and explain the choice.

    The `task` "segmentation" is for images with masks: backbones race as encoders of U-Nets, by mIoU. Limits hold for
    one image on one thread, here: latency (p50), parameters, peak memory; for the device of a file of `anmok.bench`
    with `device`, for exported models with the `runtime` "onnxruntime". `epochs` (at the full data) and `image_size`
    follow from budget and images when not given. `experience` of earlier runs, by default this machine's, is read and
    added to; nothing leaves the machine. `workers` trainings run at a time, here or on a Ray cluster, the `engine`
    "ray". With `pretrained`, models start from public weights or those in the folder `weights`. `objective` is
    "accuracy", "balanced-accuracy", "macro-f1" or "top5", or what errors cost by the CSV file `costs`; `prefer` decides
    among tied models: "latency", "params", "memory", "training" or "energy". The run lies in `out`, by default
    runs/<name of the data>; the same call, perhaps with other workers, resumes it.
    Raises an `AnmokError` whose message says what to do.
    """
    who_trains = Workers(engine=engine, count=workers)
    images = _images(data, task, observer or Silent())
    wish = make_wish(objective, costs, prefer, images.classes if isinstance(images, ImageData) else ())
    request = Request(
        data=data.name if isinstance(data, ImageData) else str(data),
        models=tuple(models),
        pretrained=pretrained,
        weights=str(weights) if weights else None,
        max_latency=1000 * parse_seconds(max_latency, "--max-latency") if max_latency else None,
        max_params=parse_count(max_params, "--max-params") if max_params else None,
        max_memory=parse_mebibytes(max_memory, "--max-memory") if max_memory else None,
        budget=parse_seconds(budget, "--budget"),
        epochs=epochs,
        image_size=image_size,
        device=str(device) if device else None,
        runtime=runtime,
        experience=str(experience_file(experience)) if experience else None,
        seed=seed,
        task=None if isinstance(images, ImageData) else Task.SEGMENTATION,
        **wish._asdict(),
    )
    meter = choose_meter(runtime, device=device)
    if wish.prefer == Preference.ENERGY:
        require_energy(meter)
    with RunDirectory(Path(out) if out else Path("runs") / images.name) as run:
        run.claim(request)
        watching = Logged(observer or Silent(), run.log)
        decision = selection.select(images, Campaign(request, run, watching, who_trains, meter))
        if isinstance(images, ImageData):
            watching.stage("Export")
            watching.note(str(Classifier(run.root).export(run.best / "model.onnx")))
        watching.stage("Report")
        watching.note(f"report: {write_report(run)}")
    return Selection(path=run.root, decision=decision)


def _images(data: str | Path | ImageData, task: str | None, watching: Observer) -> ImageData | Path:
    """Labelled images, or where images with masks lie; raises `RequestError` for another task."""
    if task in (None, Task.CLASSIFICATION):
        return list_images(data, watching)
    if task != Task.SEGMENTATION:
        raise RequestError(f"Backbones race in classification or segmentation: got --task {task}. Choose one of these.")
    if isinstance(data, ImageData):
        raise RequestError("Images with masks are named by their path: got images with labels. Give a folder or file.")
    return Path(data)


def read_selection(path: str | Path) -> Selection:
    """The selection that a finished or interrupted run directory holds, decided anew from its table."""
    run = RunDirectory.existing(Path(path))
    return Selection(path=run.root, decision=decide(run.measurements))


def report(path: str | Path) -> Path:
    """Write the report of a run directory anew, of a selection or of a training."""
    run = RunDirectory(Path(path))
    if is_training(run):
        return write_task_report(run)
    return write_report(RunDirectory.existing(Path(path)))
