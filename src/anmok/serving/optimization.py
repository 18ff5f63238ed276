"""The fastest faithful way to run a network on this machine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import nn

from anmok.errors import RequestError
from anmok.evaluation.evaluating import evaluating
from anmok.serving.fast_paths import FastPath, Run, available_paths, prepare_paths
from anmok.shapes import Images, Logits


@dataclass(frozen=True, kw_only=True)
class PathTrial:
    """What one path was found to do."""

    path: FastPath
    milliseconds: float  # of one pass over the calibration images, p50
    speedup: float  # over eager, the median of ratios taken in turns
    difference: float  # of the logits from eager's, relative
    faithful: bool


@dataclass(frozen=True)
class OptimizedNetwork:
    """A network behind its fastest faithful path; `trials` says what else was tried, fastest first."""

    run: Run
    trials: tuple[PathTrial, ...]
    path: FastPath

    def __call__(self, images: Images) -> Logits:
        """Logits, nearly those of the network."""
        return self.run(images)

    @property
    def speedup(self) -> float:
        """Over eager mode, on the calibration images."""
        return next(t.speedup for t in self.trials if t.path is self.path)


@torch.no_grad()
def optimize(
    network: nn.Module,
    images: Images,
    *,
    tolerance: float = 0.02,
    paths: Sequence[str] | None = None,
    rounds: int = 7,
) -> OptimizedNetwork:
    """Run every path on the calibration images (b, c, height, width) and keep the fastest that is faithful.

    Faithful: logits within `tolerance` of eager mode's, as ||difference|| / ||logits||, and the same most
    probable class wherever eager mode's best leads by more than twice the largest difference. Real images of the size
    and number that will be served give a true answer. The result is as fast as measured only with as many
    threads and images. Raises `RequestError` for a path that does not exist.
    """
    wanted = available_paths(images.device) if paths is None else [FastPath.EAGER, *_known(paths)]
    with evaluating(network):
        ready = prepare_paths(network, images, dict.fromkeys(wanted))
        expected = network(images)
        errors = {path: _differences(run(images), expected) for path, run in ready.items()}
        times = _take_turns(ready, images, rounds)
    trials = [
        PathTrial(
            path=path,
            milliseconds=1000 * median(times[path]),
            speedup=median(e / t for e, t in zip(times[FastPath.EAGER], times[path], strict=True)),
            difference=difference,
            faithful=same and difference <= tolerance,
        )
        for path, (difference, same) in errors.items()
    ]
    trials.sort(key=lambda trial: -trial.speedup)
    best = next(trial.path for trial in trials if trial.faithful)
    return OptimizedNetwork(ready[best], tuple(trials), best)


def _known(paths: Sequence[str]) -> list[FastPath]:
    names = [path.value for path in FastPath]
    for path in paths:
        if path not in names:
            raise RequestError(f"No path is called '{path}'. Choose from {', '.join(names)}.")
    return [FastPath(path) for path in paths]


def _differences(found: Logits, expected: Logits) -> tuple[float, bool]:
    """Relative error, and whether every clear answer is the same."""
    top = expected.topk(min(2, expected.shape[1]), dim=1).values
    clear = top[:, 0] - top[:, -1] > 2 * (found - expected).abs().amax(dim=1)
    same = found.argmax(1)[clear].equal(expected.argmax(1)[clear])
    return float((found - expected).norm() / expected.norm()), same


def _take_turns(ready: dict[FastPath, Run], images: Images, rounds: int) -> dict[FastPath, list[float]]:
    """Seconds of each pass; each round visits every path once, so that a disturbance meets them alike."""
    times: dict[FastPath, list[float]] = {path: [] for path in ready}
    for turn in range(rounds + 1):
        for path, run in ready.items():
            start = time.perf_counter()
            run(images)
            if images.is_cuda:
                torch.cuda.synchronize()
            if turn:  # the first pass warms up
                times[path].append(time.perf_counter() - start)
    return times
