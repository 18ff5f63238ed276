"""What models cost on this device, for a selection on another machine."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from anmok.data import processor_count
from anmok.errors import ImageSizeError, RequestError
from anmok.evaluation.cost import count_macs, count_params
from anmok.evaluation.device_costs import DeviceCost, DeviceCosts, Runtime
from anmok.evaluation.device_file import read_device_costs, write_device_costs
from anmok.selection.candidates import find_models
from anmok.selection.meter import FileMeter, Meter, TorchMeter, blank
from anmok.selection.observer import Observer, Silent
from anmok.serving.onnx_meter import OnnxMeter
from anmok.training.classifier import ClassifierConfig, ImageClassifier

_TOGETHER = 8  # networks held in memory and measured in turns
_BUSY = 2  # times the median: no idle device has such a p95


def bench(  # noqa: PLR0913 - one argument for each option of the command
    models: str | Sequence[str] = (),
    *,
    image_size: int = 32,
    num_classes: int = 10,
    runtime: str = "torch",
    threads: int = 1,
    out: str | Path | None = None,
    observer: Observer | None = None,
) -> DeviceCosts:
    """Measure latency and memory of models on this device, one image at a time, with random weights.

    `models` are names or wildcards; the small preset of every family when not given. `runtime` is torch, as in
    training, or onnxruntime, as exported. The rows are added to the file `out`, if it is of the same device: what
    `anmok.select(device=...)` reads. Returns all rows of the file, or those that were measured.
    Raises an `AnmokError` whose message says what to do.
    """
    _check(image_size, num_classes)
    watching, path = observer or Silent(), Path(out) if out else None
    meter = choose_meter(runtime, threads=threads)
    costs = _begin(meter, path)
    configs = [
        ClassifierConfig(
            model=name,
            classes=tuple(map(str, range(num_classes))),
            image_size=image_size,
            mean=(0.5,) * 3,
            std=(0.25,) * 3,
        )
        for name in find_models([models] if isinstance(models, str) else models)
    ]
    watching.stage("Costs")
    for group in _groups(configs, watching):
        rows = list(_measure(group, meter))
        costs = costs.updated(rows)
        if 2 * sum(row.latency_p95_ms > _BUSY * row.latency_ms for row in rows) > len(rows):
            watching.note(f"other work disturbs: most p95 are over {_BUSY} times the median; repeat on an idle device")
        if path:
            write_device_costs(costs, path)
    return costs


def choose_meter(runtime: str | None = None, *, threads: int = 1, device: str | Path | None = None) -> Meter:
    """What tells latencies: a file of another device, or a runtime here; torch when neither is given."""
    if device:
        return FileMeter(read_device_costs(Path(device)), Path(device))
    if runtime not in (None, *Runtime):
        raise RequestError(f"--runtime takes {' or '.join(Runtime)}: got '{runtime}'.")
    if not 1 <= threads <= processor_count():
        raise RequestError(f"--threads must lie between 1 and the processors here, {processor_count()}: got {threads}.")
    return OnnxMeter(threads) if runtime == Runtime.ONNXRUNTIME else TorchMeter(threads)


def _check(image_size: int, num_classes: int) -> None:
    if not 16 <= image_size <= 1024:
        raise RequestError(f"--image-size must lie between 16 and 1024 pixels: got {image_size}.")
    if num_classes < 2:
        raise RequestError(f"--num-classes must be at least 2: got {num_classes}.")


def _begin(meter: Meter, path: Path | None) -> DeviceCosts:
    """What the file holds already; raises `RequestError` when it is of another device."""
    if path is None or not path.exists():
        return DeviceCosts(meter.device)
    known = read_device_costs(path)
    different = known.device.differences(meter.device)
    if different:
        raise RequestError(f"'{path}' is of another device: {'; '.join(different)}. Choose another --out.")
    return known


def _groups(configs: Sequence[ClassifierConfig], watching: Observer) -> Iterator[list[ImageClassifier]]:
    """The networks, a few at a time; who does not take the images is left out and said, or an error where all are."""
    left_out = 0
    for start in range(0, len(configs), _TOGETHER):
        watching.progress(start, len(configs), "models")
        group = []
        for config in configs[start : start + _TOGETHER]:
            try:
                group.append(ImageClassifier(config).eval())
            except ImageSizeError as error:
                if (left_out := left_out + 1) == len(configs):
                    raise
                watching.note(f"{config.model} is left out: {error}")
        if group:
            yield group


def _measure(group: Sequence[ImageClassifier], meter: Meter) -> Iterator[DeviceCost]:
    networks = {classifier.config.model: classifier for classifier in group}
    readings = meter(networks, blank(group[0].config.image_size))
    for classifier, (latency, memory, _) in zip(group, readings, strict=True):
        config = classifier.config
        yield DeviceCost(
            model=config.model,
            image_size=config.image_size,
            num_classes=len(config.classes),
            latency_ms=latency.p50,
            latency_p95_ms=latency.p95,
            n=latency.n,
            memory_mib=memory,
            params=count_params(classifier),
            macs=count_macs(classifier, config.image_size, config.image_size),
        )
