"""The fastest faithful way to run a network on this machine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone.evaluating import evaluating
from anmok.errors import RequestError
from anmok.serving.fast_paths import FastPath, Run, available_paths, prepare_paths
from anmok.serving.openvino_run import can_quantize
from anmok.shapes import Images, Logits

INT8 = FastPath.OPENVINO_INT8
LEAST_AGREEMENT = 0.99  # of an int8 path with eager mode, on the calibration images
SECONDS_PER_VISIT = 0.02  # at least: shorter passes are repeated, since single ones tell little


@dataclass(frozen=True, kw_only=True)
class PathTrial:
    """What one path was found to do."""

    path: FastPath
    milliseconds: float  # of one pass over the images, p50
    speedup: float  # over eager, the median of ratios taken in turns
    difference: float  # of the logits from eager's, relative
    agreement: float  # share of images with eager's most probable class, in [0, 1]
    faithful: bool


@dataclass(frozen=True)
class OptimizedNetwork:
    """A network behind its fastest faithful path; `trials` says what else was tried, fastest first.

    Takes any number of images of the size that it was made for: other numbers are as faithful, and may be slower.
    """

    run: Run
    trials: tuple[PathTrial, ...]
    path: FastPath
    image_shape: tuple[int, int, int]  # channels, height, width

    def __call__(self, images: Images) -> Logits:
        """Logits, nearly those of the network. Raises `RequestError` for images of another size."""
        if images.shape[1:] != self.image_shape:
            made, given = ("x".join(map(str, shape)) for shape in (self.image_shape, images.shape[1:]))
            raise RequestError(
                f"Optimized for images of {made}: got {given}. Resize them, or optimize for images of that size."
            )
        return self.run(images)

    @property
    def speedup(self) -> float:
        """Over eager mode, on the images that it was made with."""
        return next(t.speedup for t in self.trials if t.path is self.path)


@torch.no_grad()
def optimize(
    network: nn.Module,
    images: Images,
    *,
    calibration: Float[Tensor, "n channels rows columns"] | None = None,
    tolerance: float = 0.05,
    paths: Sequence[str] | None = None,
    rounds: int = 7,
) -> OptimizedNetwork:
    """Run every path on `images` (b, c, height, width), as many as will be served at once; keep the fastest faithful.

    Faithful: logits within `tolerance` of eager mode's, as ||difference|| / ||logits||, and the same most
    probable class wherever eager mode's best leads by more than twice the largest difference. Real images give a
    true answer. As fast as measured only with as many threads and images.
    With `calibration` (n, c, height, width), a few hundred real images, int8 paths join: every other image sets
    their ranges, and they are faithful where at least 99 % of the rest keep eager mode's most probable class.
    Raises `RequestError` for a path that does not exist, or has no calibration images.
    """
    wanted = _known(paths, images, calibration)
    with evaluating(network):
        ready = prepare_paths(network, images, wanted, None if calibration is None else calibration[::2])
        expected = network(images)
        found = {path: _judge(run(images), expected) for path, run in ready.items()}
        if calibration is not None:
            unseen = calibration[1::2].split(len(images))
            expected = torch.cat([network(part) for part in unseen])
            for path in set(ready) & {INT8}:
                found[path] = _judge(torch.cat([ready[path](part) for part in unseen]), expected)
        times = _take_turns(ready, images, rounds)
    trials = [
        PathTrial(
            path=path,
            milliseconds=1000 * median(times[path]),
            speedup=median(e / t for e, t in zip(times[FastPath.EAGER], times[path], strict=True)),
            difference=difference,
            agreement=agreement,
            faithful=agreement >= LEAST_AGREEMENT if path == INT8 else same and difference <= tolerance,
        )
        for path, (difference, agreement, same) in found.items()
    ]
    trials.sort(key=lambda trial: -trial.speedup)
    best = next(trial.path for trial in trials if trial.faithful)
    _, channels, height, width = images.shape
    return OptimizedNetwork(ready[best], tuple(trials), best, (channels, height, width))


def _known(names: Sequence[str] | None, images: Images, calibration: Tensor | None) -> list[FastPath]:
    """The paths to try, eager mode first; raises `RequestError` for what cannot be tried, or would not be."""
    known = [path.value for path in FastPath]
    wrong = [name for name in names or () if name not in known]
    if wrong:
        raise RequestError(f"No path is called '{wrong[0]}'. Choose from {', '.join(known)}.")
    if calibration is not None:
        _check_calibration(calibration, images, names)
    elif names is not None and INT8 in names:
        raise RequestError(f"The path '{INT8}' needs images to set its ranges by: got none. Give calibration.")
    if names is None:
        return available_paths(images.device, calibrated=calibration is not None)
    return list(dict.fromkeys([FastPath.EAGER, *map(FastPath, names)]))


def _check_calibration(calibration: Tensor, images: Images, names: Sequence[str] | None) -> None:
    serves = "Calibration images serve int8 alone"
    if len(calibration) < 2 or calibration.shape[1:] != images.shape[1:]:
        raise RequestError(
            f"Calibration takes two or more images of the size to be served: got {tuple(calibration.shape)} beside "
            f"{tuple(images.shape)}. Give a few hundred, prepared alike."
        )
    if images.device.type != "cpu":
        raise RequestError(f"{serves}, which runs on the CPU: got images on {images.device}. Leave them out.")
    if not can_quantize():
        raise RequestError(
            f"{serves}, which needs OpenVINO and NNCF: run `pip install openvino nncf`, or leave them out."
        )
    if names is not None and INT8 not in names:
        raise RequestError(f"{serves}: got paths {', '.join(names)}. Add '{INT8}', or leave them out.")


def _judge(found: Logits, expected: Logits) -> tuple[float, float, bool]:
    """Relative error, share of equal answers, and whether every clear answer is the same."""
    top = expected.topk(min(2, expected.shape[1]), dim=1).values
    clear = top[:, 0] - top[:, -1] > 2 * (found - expected).abs().amax(dim=1)
    equal = found.argmax(1) == expected.argmax(1)
    return float((found - expected).norm() / expected.norm()), float(equal.double().mean()), bool(equal[clear].all())


def _take_turns(ready: dict[FastPath, Run], images: Images, rounds: int) -> dict[FastPath, list[float]]:
    """Seconds of each pass; each round visits every path once, so that a disturbance meets them alike."""
    times: dict[FastPath, list[float]] = {path: [] for path in ready}
    passes = dict.fromkeys(ready, 2)  # the first round warms up and says how many fill a visit
    for turn in range(rounds + 1):
        for path, run in ready.items():
            start = time.perf_counter()
            for _ in range(passes[path]):
                run(images)
            if images.is_cuda:
                torch.cuda.synchronize()
            taken = (time.perf_counter() - start) / passes[path]
            if turn:
                times[path].append(taken)
            else:
                passes[path] = max(1, round(SECONDS_PER_VISIT / taken))
    return times
