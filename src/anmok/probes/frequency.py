"""Do blocks sharpen or smooth their maps, and noise of which frequency hurts?

Park & Kim 2022, "How Do Vision Transformers Work?", arXiv:2202.06709, fig. 2 and 8-9: the log amplitude at the highest
frequency of a map's half-diagonal less that at frequency 0, the variance of features over places, and the
accuracy under noise of one band. Departs from the paper: a log of the root mean square over channels, not a mean
of logs, so that a dead channel and the scale of the weights do not matter; and the changes are those that blocks bring
which keep their grid, summed, so that pyramids have them too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.capture import as_map, find_blocks, untouched
from anmok.capture.watching import watching
from anmok.probes.answers import judged, right_answers
from anmok.probes.intervals import bootstrap
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject
from anmok.shapes import FeatureMap, Images

_IMAGES = 32
_ANSWERED = 100
_AT_ONCE = 8
_BANDS = 5
_STRENGTH = 0.1  # root mean square of the noise; images are in [0, 1]
_FLOOR = 1e-6  # of a map's root mean square: less amplitude is rounding

AMPLITUDE = Metric(
    "log amplitude change",
    "ln amplitude at the highest frequency of the half-diagonal less that at 0, out minus in, summed over the blocks "
    "that keep their grid, version 1",
    "nat",
)
VARIANCE = Metric(
    "feature variance ratio",
    "variance over places, mean over channels, out over in, product over the blocks that keep their grid, version 1",
    "times",
)
BAND = Metric(
    "most harmful noise band",
    f"centre of that of {_BANDS} radial bands up to Nyquist in which noise of RMS {_STRENGTH} costs the most right "
    "answers, version 1",
    "of Nyquist",
)
METRICS = (AMPLITUDE, VARIANCE, BAND)


@dataclass(frozen=True, kw_only=True)
class FrequencyProfile(ProbeResult):
    """The sum over blocks, and what each brings."""

    changes: dict[str, float]  # at the highest frequency
    profiles: dict[str, Float[np.ndarray, " bins"]]  # of each block's output, from frequency 0 to the highest


class Drop(NamedTuple):
    """Right answers lost in one band, points, with their interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class BandNoise(ProbeResult):
    """The band that costs the most, and what each costs."""

    drops: dict[float, Drop]  # by the band's centre


def frequency_profile(network: nn.Module, images: Images) -> tuple[ProbeResult, ProbeResult]:
    """The results for AMPLITUDE and VARIANCE over all images; `n` counts those."""
    spectra: dict[str, list[_Change]] = {}
    with untouched(network), torch.no_grad():
        blocks = find_blocks(network, images)
        for part in images.split(_AT_ONCE):
            _watch(network, part, blocks, spectra)
    steps = {
        name: _Change(*(torch.cat(parts) for parts in zip(*found, strict=True))) for name, found in spectra.items()
    }
    kept = {n: s for n, s in steps.items() if bool(s.amplitude.isfinite().all() and s.variance.isfinite().all())}
    if not kept:
        note = "no block takes and gives maps of one grid of 2 x 2 places or more that are not constant"
        return AMPLITUDE.missing(note), VARIANCE.missing(note)
    amplitudes = torch.stack([step.amplitude for step in kept.values()], 1).numpy().sum(1)
    variances = torch.stack([step.variance for step in kept.values()], 1).numpy().sum(1)
    note = f"over {len(kept)} blocks" if len(kept) > 1 else "over 1 block"
    whole = AMPLITUDE.found(amplitudes.mean(), bootstrap(amplitudes), n=len(amplitudes), note=note)
    profile = FrequencyProfile(
        **vars(whole),
        changes={name: float(step.amplitude.mean()) for name, step in kept.items()},
        profiles={name: step.profile.mean(0).numpy() for name, step in kept.items()},
    )
    low_high = bootstrap(variances, lambda rows: float(np.exp(rows.mean())))
    return profile, VARIANCE.found(np.exp(variances.mean()), low_high, n=len(variances), note=note)


class _Change(NamedTuple):
    """What a block does to the maps of some images."""

    amplitude: Float[Tensor, " b"]
    variance: Float[Tensor, " b"]  # ln of the ratio
    profile: Float[Tensor, "b bins"]  # of what comes out


def _watch(network: nn.Module, images: Images, blocks: dict[str, nn.Module], found: dict[str, list[_Change]]) -> None:
    height, width = images.shape[2:]

    def look(name: str, taken: Any, given: Any) -> None:
        x, y = as_map(taken, (height, width)), as_map(given, (height, width))
        if x is None or y is None or x.shape[2:] != y.shape[2:] or min(y.shape[2:]) < 2:
            return
        x, y = x.cpu().double(), y.cpu().double()
        before, after = half_diagonal(x), half_diagonal(y)
        change = _Change(after[:, -1] - before[:, -1], (_variance(y) / _variance(x)).log(), after)
        found.setdefault(name, []).append(change)

    with watching(blocks, look):
        network(images)


def half_diagonal(map: FeatureMap) -> Float[Tensor, "b bins"]:
    """Log amplitude from frequency 0 to the highest along both axes alike, less that at 0."""
    height, width = map.shape[2:]
    bins = torch.linspace(0, 1, min(height, width) // 2 + 1, dtype=torch.float64)
    power = reduce(torch.fft.fft2(map).abs() ** 2, "b c h w -> b h w", "mean")
    floor = _FLOOR**2 * reduce(power, "b h w -> b 1", "mean")
    along = power[:, (bins * (height // 2)).round().long(), (bins * (width // 2)).round().long()]
    logs = along.clamp(min=floor).log() / 2
    return logs - logs[:, :1]


def _variance(map: FeatureMap) -> Float[Tensor, " b"]:
    return map.flatten(2).var(2, correction=0).mean(1)


def band_noise(white: Images, band: tuple[float, float]) -> Images:
    """White noise of which the frequencies in a band are left, fractions of Nyquist: above `low`, up to `high`."""
    height, width = white.shape[2:]
    rows, columns = torch.fft.fftfreq(height, device=white.device), torch.fft.rfftfreq(width, device=white.device)
    radius = 2 * (rows[:, None] ** 2 + columns[None] ** 2).sqrt()
    low, high = band
    noise = torch.fft.irfft2(torch.fft.rfft2(white) * ((radius > low) & (radius <= high)), s=(height, width))
    return noise * (_STRENGTH / reduce(noise**2, "b c height width -> b 1 1 1", "mean").sqrt())


def noise_sensitivity(subject: Subject) -> ProbeResult:
    """The result for BAND; `n` counts images. Every image meets the same white noise in all bands."""
    if min(subject.size) < 2 * _BANDS:
        return BAND.missing(f"{_BANDS} bands need images of {2 * _BANDS} x {2 * _BANDS} pixels or more")
    edges = np.linspace(0, 1, _BANDS + 1)
    with untouched(subject.network):
        right = judged(subject, _ANSWERED)
        if isinstance(right, str):
            return BAND.missing(right)
        generator = torch.Generator().manual_seed(subject.seed)
        white = torch.randn(len(right), *subject.pixels.shape[1:], generator=generator)
        disturbed = [_right(subject, white, band) for band in pairwise(edges)]
    centres = (edges[:-1] + edges[1:]) / 2
    drops = 100.0 * (right[:, None] - np.stack(disturbed, 1))
    worst = int(drops.mean(0).argmax())
    if drops.mean(0)[worst] <= 0:
        return BAND.missing("noise of no band costs right answers")
    interval = bootstrap(drops, lambda rows: float(centres[rows.mean(0).argmax()]))
    note = f"{drops.mean(0)[worst]:.1f} points of accuracy are lost there"
    found = BAND.found(centres[worst], interval, n=len(drops), note=note)
    each = {float(c): Drop(float(d.mean()), *bootstrap(d)) for c, d in zip(centres, drops.T, strict=True)}
    return BandNoise(**vars(found), drops=each)


def _right(subject: Subject, white: Tensor, band: tuple[float, float]) -> Float[np.ndarray, " n"]:
    def disturbed(images: Images, start: int) -> Images:
        return images + band_noise(white[start : start + len(images)].to(images.device), band)

    return right_answers(subject, len(white), disturbed).astype(float)


def _measure(subject: Subject) -> Sequence[ProbeResult]:
    profile = frequency_profile(subject.network, subject.images(_IMAGES))
    return (*profile, noise_sensitivity(subject))


PROBE = Probe(
    number=9,
    name="frequency",
    question="Do the blocks sharpen or smooth their maps, and noise of which frequency hurts?",
    profile=Profile.STANDARD,
    metrics=METRICS,
    measure=_measure,
)
