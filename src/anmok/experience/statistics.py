"""Statistics of pixels and labels that a fingerprint is made of."""

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float, Float32, Int

_EDGE = 0.1  # luminance per pixel, of a range of 1
_FILTERS, _WIDTH, _STRIDE = 24, 5, 2  # random filters, their width in pixels, the step between responses
_CELLS = 4  # the map of responses is averaged over 4 x 4 cells to compare parts of an image
_RIDGE = 1.0  # times the number of images / the number of features
_TINY = 1e-8  # variances below it are those of images without content


def balance(counts: Int[np.ndarray, " k"]) -> float:
    """Entropy of the class shares over log k, in [0, 1]; 1 for a single class."""
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(len(counts))) if len(counts) > 1 else 1.0


def luminance(colours: Float32[np.ndarray, "n rgb h w"]) -> Float32[np.ndarray, "n h w"]:
    """Brightness of each pixel in [0, 1] (ITU-R BT.601)."""
    red, green, blue = rearrange(colours, "n rgb h w -> rgb n h w")
    return np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue


def colourfulness(colours: Float32[np.ndarray, "n rgb h w"]) -> float:
    """Mean over images of the spread and the mean of the opponent colours (Hasler and Suesstrunk 2003, eq. 1)."""
    red, green, blue = rearrange(colours, "n rgb h w -> rgb n (h w)")
    first, second = red - green, (red + green) / 2 - blue
    spread = np.hypot(first.std(1), second.std(1))
    return float((spread + 0.3 * np.hypot(first.mean(1), second.mean(1))).mean())


def alignment(grey: Float32[np.ndarray, "n h w"]) -> float:
    """Variance of the mean image over that of all pixels, both inside images; n images of noise give 1 / n."""
    centred = grey - grey.mean((1, 2), keepdims=True)
    return float(centred.mean(0).var() / max(centred.var(), _TINY))


def spectrum_slope(grey: Float32[np.ndarray, "n h w"]) -> float:
    """Slope of power against radial frequency in log-log, sign changed, from 2 cycles a side to Nyquist's limit.

    The power is that of Hann-windowed images, averaged over images and rings (van der Schaaf and van Hateren
    1996, doi:10.1016/0042-6989(96)00002-8); white noise gives 0.
    """
    side = min(grey.shape[1:])
    window = np.hanning(side + 1)[:side].astype(np.float32)
    square = grey[:, :side, :side]
    power = (np.abs(np.fft.rfft2((square - square.mean((1, 2), keepdims=True)) * np.outer(window, window))) ** 2).mean(
        0
    )
    radius = np.hypot(np.fft.fftfreq(side, 1 / side)[:, None], np.fft.rfftfreq(side, 1 / side)[None, :])
    rings = np.rint(radius).astype(int).ravel()
    means = np.bincount(rings, power.ravel()) / np.bincount(rings)
    frequencies = np.arange(2, side // 2 + 1)
    return float(-np.polyfit(np.log(frequencies), np.log(means[frequencies] + _TINY), 1)[0])


def edge_density(grey: Float32[np.ndarray, "n h w"]) -> float:
    """Share of pixels at which central differences exceed `_EDGE` per pixel."""
    down = (grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]) / 2
    across = (grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]) / 2
    return float((np.hypot(down, across) > _EDGE).mean())


def random_filters(
    colours: Float32[np.ndarray, "n rgb h w"], labels: Int[np.ndarray, " n"]
) -> tuple[float, float, float]:
    """Sparsity, uniformity and separability of the responses to fixed random 5 x 5 filters.

    - sparsity: log of E[r^4] / E[r^2]^2, mean over filters;
    - uniformity: share of the variance of texture energy E[|r|] over cells that lies between images, not inside;
    - separability: kappa of a ridge classifier on the cells' energies, each image judged by the others.
    """
    # RandomState: numpy promises its stream for good (NEP 19).
    drawn = np.random.RandomState(0).standard_normal((_FILTERS, 3, _WIDTH, _WIDTH))
    centred = drawn - drawn.mean((2, 3), keepdims=True)  # blind to brightness and to tint
    filters = torch.from_numpy((centred / np.sqrt((centred**2).sum((1, 2, 3), keepdims=True))).astype(np.float32))
    with torch.inference_mode():
        images = torch.from_numpy(colours)
        responses = torch.nn.functional.conv2d(images, filters, stride=_STRIDE)
        second, fourth = ((responses**power).mean((0, 2, 3)).double() for power in (2, 4))
        cells = torch.nn.functional.adaptive_avg_pool2d(responses.abs(), _CELLS).numpy()
    sparsity = float(torch.log((fourth + _TINY) / (second**2 + _TINY)).mean())
    within = reduce(cells.var((2, 3)), "n f -> f", "mean")
    between = cells.mean((2, 3)).var(0)
    uniformity = float((between / np.maximum(within + between, _TINY)).mean())
    # Halves of each side are enough to tell where something is; finer cells would need more images.
    halves = reduce(cells, "n f (a p) (b q) -> n (f a b)", "mean", a=2, b=2)
    return sparsity, uniformity, separability(np.log(halves + 1e-3), labels)


def separability(features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"]) -> float:
    """Cohen's kappa of a ridge classifier: its leave-one-out accuracy, 0 at chance and 1 without mistakes.

    Leave-one-out answers in closed form: with H = F (F'F + r I)^-1 F', y_i = (H Y - h_ii Y)_i / (1 - h_ii).
    """
    standard = (features - features.mean(0)) / np.maximum(features.std(0), 1e-6)
    design = np.concatenate([standard, np.ones((len(standard), 1))], axis=1).astype(np.float64)
    classes, target = np.unique(labels, return_inverse=True)
    wanted = np.eye(len(classes))[target]
    ridge = _RIDGE * len(design) / design.shape[1]
    inverse = np.linalg.solve(design.T @ design + ridge * np.eye(design.shape[1]), design.T)
    leverage = (design * inverse.T).sum(1, keepdims=True)
    answers = ((design @ (inverse @ wanted) - leverage * wanted) / (1 - leverage)).argmax(1)
    agreed = float((answers == target).mean())
    by_chance = float((np.bincount(answers, minlength=len(classes)) * wanted.sum(0)).sum()) / len(target) ** 2
    return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
