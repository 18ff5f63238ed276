"""Export to ONNX behind a parity gate: no file is left that does not answer like the original."""

import copy
import importlib.util
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from anmok.backbone import Kind, Spec
from anmok.catalogue import require_model
from anmok.errors import ExportError
from anmok.serving.graph import Session, quiet, translate
from anmok.shapes import Logits, Pixels
from anmok.training.classifier import ClassifierConfig, ImageClassifier

LEAST_AGREEMENT = 0.999
LARGEST_DIFFERENCE = 1e-3

Pictures: TypeAlias = UInt8[np.ndarray, "b c height width"]

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_BATCHES = (1, 7)  # sizes that the check runs: one image, then seven at a time
_MOST_BYTES = 2**31 - 2**20  # an ONNX file is one protobuf message, which ends at 2 GiB


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """Where a model was exported to, and how closely it answers like the original."""

    path: Path
    size: int  # bytes
    images: int  # real images that both answered
    agreement: float  # share of images with the same most probable class, in [0, 1]
    largest_difference: float  # between two logits

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.size / 2**20:.1f} MiB; on {self.images} images {100 * self.agreement:.1f} % top-1 "
            f"agreement with PyTorch, largest logit difference {self.largest_difference:.1e}"
        )


def export_onnx(
    classifier: ImageClassifier,
    path: Path,
    images: UInt8[np.ndarray, "n c size size"],
    *,
    dynamic_size: bool = False,
) -> ExportReport:
    """Write one ONNX file, uint8 pixels (batch, channels, size, size) -> logits (batch, classes).

    Everything but the resizing is in the graph, and the batch may have any size; with `dynamic_size`, which
    convolutional networks allow, height and width too. The file appears under its name only when onnxruntime, on one
    CPU thread, agrees with PyTorch on `images`, and on some of them at other sizes where those are allowed.

    Raises:
        ExportError: it does not agree, cannot be written, is of one size only, or a package is missing.
    """
    require_packages()
    if dynamic_size:
        _require_convolutions(classifier.config)
    if len(images) == 0:
        raise ExportError("An export is checked on real images: got none. Give at least one.")
    original = FromPixels(copy.deepcopy(classifier).cpu().eval())
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_graph(original, partial, dynamic_size=dynamic_size)
        agreement, difference = _compare(original, partial, _batches(images, original.spec, dynamic_size=dynamic_size))
        if not (agreement >= LEAST_AGREEMENT and difference <= LARGEST_DIFFERENCE):
            raise ExportError(
                f"The ONNX model must answer like the original: top-1 agreement is {100 * agreement:.1f} % "
                f"({100 * LEAST_AGREEMENT} % needed) and the largest logit difference {difference:.2g} "
                f"({LARGEST_DIFFERENCE:g} allowed) on {len(images)} images. Nothing was written: use the trained "
                "model itself, and report this."
            )
        partial.replace(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ExportError(f"'{path}' cannot be written: {reason}. Choose another file.") from error
    finally:
        partial.unlink(missing_ok=True)
    return ExportReport(
        path=path,
        size=path.stat().st_size,
        images=len(images),
        agreement=agreement,
        largest_difference=difference,
    )


class FromPixels(nn.Module):
    """The classifier behind the scaling of bytes to [0, 1]."""

    def __init__(self, classifier: ImageClassifier) -> None:
        super().__init__()
        self.classifier = classifier
        self.spec = classifier.backbone.spec

    def forward(self, pixels: Pixels) -> Logits:
        """Logits of images as they are stored."""
        return self.classifier(pixels.float() / 255)


def write_graph(original: FromPixels, path: Path, *, dynamic_size: bool = False) -> None:
    """Write the graph of a classifier in eval mode on the CPU, unchecked; raises `ExportError` where that cannot be."""
    config = original.classifier.config
    weights = sum(p.numel() * p.element_size() for p in original.parameters())
    if weights > _MOST_BYTES:
        raise ExportError(
            f"An ONNX file holds at most 2 GiB: {config.model} has {weights / 2**30:.1f} GiB. Choose a smaller model."
        )
    height, width = uneven_size(original.spec) if dynamic_size else (config.image_size, config.image_size)
    pixels = torch.zeros(2, original.classifier.backbone.in_chans, height, width, dtype=torch.uint8)
    try:
        program = translate(original, pixels, "pixels", dynamic_size=dynamic_size)
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportError(f"{config.model} cannot be translated to ONNX: {reason}. Please report this.") from error
    program.model.metadata_props.update(_metadata(config))
    if dynamic_size:
        program.model.metadata_props["image_sizes"] = str(original.spec.image_sizes)
    with quiet():
        program.save(path, external_data=False)


def _metadata(config: ClassifierConfig) -> dict[str, str]:
    """What a stranger needs to use the file, stored inside it."""
    share = "" if config.crop_share == 1 else f" of {config.crop_share:g} of the shorter side"
    return {
        "model": config.model,
        "classes": json.dumps(config.classes),
        "image_size": str(config.image_size),
        "resize": f"upright RGB; the centre square{share}, resized by antialiased bicubic interpolation (Pillow)",
        "anmok": metadata.version("anmok"),
    }


def uneven_size(spec: Spec) -> tuple[int, int]:
    """Height and width that need all that a size may need, such as padding: large, oblong, and odd if that is taken."""
    height, width = (2 * side + extra for side, extra in zip(spec.img_size, (5, 13), strict=True))
    return spec.image_sizes.nearest(height), spec.image_sizes.nearest(width)


def _batches(images: Pictures, spec: Spec, *, dynamic_size: bool) -> Iterator[Pictures]:
    """The images in batches of several sizes, repeated where they are too few; then some at other sizes of theirs."""
    rows = np.resize(np.arange(len(images)), max(len(images), sum(_BATCHES)))
    for part in np.split(rows, range(_BATCHES[0], len(rows), _BATCHES[1])):
        yield images[part]
    if dynamic_size:
        height, width = (spec.image_sizes.nearest(side * 3 // 4) for side in spec.img_size)
        for down, across in (uneven_size(spec), (height, width + spec.image_sizes.multiple)):
            row, column = (np.arange(new) * images.shape[2] // new for new in (down, across))
            yield images[rows[: _BATCHES[1]]][:, :, row[:, None], column]


def _compare(original: FromPixels, path: Path, batches: Iterable[Pictures]) -> tuple[float, float]:
    """Top-1 agreement and largest logit difference."""
    expected, given = [], []
    answer = Session(path)
    for batch in batches:
        with torch.inference_mode():
            expected.append(original(torch.from_numpy(batch)).numpy())
        given.append(answer(batch))
    wanted, got = np.concatenate(expected), np.concatenate(given)
    return float((wanted.argmax(1) == got.argmax(1)).mean()), float(np.abs(wanted - got).max())


def _require_convolutions(config: ClassifierConfig) -> None:
    kind = require_model(config.model).architecture.kind
    if kind is not Kind.CNN:
        side = config.image_size
        raise ExportError(
            f"A dynamic size needs a convolutional network: {config.model} (kind: {kind}) is laid out for {side} x "
            f"{side} pixels. Export it for that size, without dynamic_size."
        )


def require_packages() -> None:
    """Raise `ExportError` where a package is missing that writes or runs ONNX."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(
            f"The export to ONNX needs {', '.join(missing)}: run `pip install {' '.join(missing)}` and repeat."
        )
