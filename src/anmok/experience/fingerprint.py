"""What a data set is like, in a dozen numbers without a single pixel."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from torch.nn.functional import interpolate

from anmok.errors import DataError
from anmok.experience import statistics
from anmok.experience.records import digest

SAMPLE = 1024  # images whose pixels are looked at
SIDE = 32  # pixels that every square is resized to, so that a run at another size finds the same data again

Facts: TypeAlias = dict[str, int | float]


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Facts of a data set; shares lie in [0, 1], pixel values count from 0 to 1, at 32 x 32 pixels."""

    images: int
    classes: int  # that have images
    balance: float  # entropy of the class shares over its maximum: 1 when all classes have equally many images
    side: int  # pixels that the networks see, height and width
    colourfulness: float  # 0 for grey images; Hasler and Suesstrunk 2003, doi:10.1117/12.477378, eq. 1
    brightness: float  # mean luminance
    contrast: float  # standard deviation of the luminance inside an image
    alignment: float  # share of the luminance's variance that the mean image explains: 1 when all images are one
    spectrum_slope: float  # power falls with spatial frequency as f^-slope; about 2 to 3 for photographs
    edge_density: float  # share of pixels whose luminance changes by more than 0.1 per pixel
    sparsity: float  # log E[r^4] / E[r^2]^2 of random filters' responses r: 1.1 for noise, more for lone edges
    uniformity: float  # how far an image's texture is the same all over it, compared with other images
    separability: float  # of the classes by random filters: Cohen's kappa of a ridge classifier, leave-one-out

    @property
    def id(self) -> str:
        """Equal for equal facts."""
        return digest(self.to_dict())

    def to_dict(self) -> Facts:
        """Plain numbers, for JSON."""
        return dict(vars(self))

    @staticmethod
    def from_dict(facts: Mapping[str, int | float]) -> "Fingerprint":
        """Read what `to_dict` gave; raises `DataError` when these are not the facts of a fingerprint."""
        kinds = {f.name: int if f.type is int else float for f in fields(Fingerprint)}
        if facts.keys() != kinds.keys():
            odd = ", ".join(sorted(facts.keys() ^ kinds.keys()))
            raise DataError(f"A fingerprint of this version of Anmok has other facts: these differ in {odd}.")
        return Fingerprint(**{name: kind(facts[name]) for name, kind in kinds.items()})  # type: ignore[arg-type]


def fingerprint(
    pixels: UInt8[np.ndarray, "n c h w"],
    labels: Int[np.ndarray, " n"],
    *,
    all_labels: Int[np.ndarray, " m"] | None = None,
) -> Fingerprint:
    """Take the fingerprint of two or more decoded squares, grey (c = 1) or RGB.

    `all_labels` are those of the whole data set where the pixels are only a sample of it. Of more than 1,024 squares
    a fixed random sample is looked at, so that the time is bounded.
    """
    chosen = sample_rows(len(pixels))
    colours = _colours(pixels[chosen])
    luminance = statistics.luminance(colours)
    sparsity, uniformity, separability = statistics.random_filters(colours, labels[chosen])
    counts = np.bincount(labels if all_labels is None else all_labels)
    found = {
        "balance": statistics.balance(counts[counts > 0]),
        "colourfulness": statistics.colourfulness(colours),
        "brightness": float(luminance.mean()),
        "contrast": float(luminance.std((1, 2)).mean()),
        "alignment": statistics.alignment(luminance),
        "spectrum_slope": statistics.spectrum_slope(luminance),
        "edge_density": statistics.edge_density(luminance),
        "sparsity": sparsity,
        "uniformity": uniformity,
        "separability": separability,
    }
    # Rounded, so that another processor's last bits do not make another data set of it.
    rounded = {name: round(value, 4) for name, value in found.items()}
    side = min(pixels.shape[2:])
    return Fingerprint(images=int(counts.sum()), classes=int((counts > 0).sum()), side=side, **rounded)


def sample_rows(n: int) -> Int[np.ndarray, " sample"]:
    """Rows of n that are looked at: all, or the same random 1,024 for the same n."""
    # RandomState: numpy promises its stream for good (NEP 19), and fingerprints must agree over the years.
    return np.arange(n) if n <= SAMPLE else np.sort(np.random.RandomState(0).permutation(n)[:SAMPLE])


def _colours(squares: UInt8[np.ndarray, "n c h w"]) -> Float32[np.ndarray, "n 3 side side"]:
    """Three channels in [0, 1]."""
    small = interpolate(torch.from_numpy(squares), size=(SIDE, SIDE), mode="bicubic", antialias=True)
    return (small.float() / 255).expand(-1, 3, -1, -1).numpy()
