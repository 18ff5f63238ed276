"""Why does a trained model answer as it does? Heat over images, and whether it can be trusted."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from anmok.data import Prepared, prepare_file
from anmok.errors import DataError, RequestError, UnknownNameError
from anmok.explain import Deletion, check_by_deletion, explanations, write_overlay
from anmok.explain.methods import require_method
from anmok.serving.files import find_images, none_readable, prepare_files
from anmok.training.classifier import ImageClassifier, best_of, load_classifier
from anmok.training.device import default_device

_SIDE = 384  # pixels of an overlay, which shows the square that the network sees


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why one image was answered so, or why it could not be read."""

    path: Path
    label: str | None = None  # the most probable class
    probability: float | None = None  # of it, in [0, 1]
    target: str | None = None  # the class that the heat speaks for
    target_probability: float | None = None
    overlay: Path | None = None  # a PNG: the image, and beside it the heat over it
    deletion: Deletion | None = None  # what the check found, where it was asked for
    error: str | None = None


def explain(
    model: str | Path,
    images: str | Path | Iterable[str | Path],
    *,
    method: str = "grad-cam",
    target: str | None = None,
    out: str | Path = "explanations",
    check: bool = False,
) -> list[Explanation]:
    """Show where in images, or in all below folders, lies what speaks for a class: the predicted one, or `target`.

    `model` is a run directory or its best/; `method` is "grad-cam", "rollout", "integrated-gradients" or "occlusion".
    Overlays are written into `out`; with `check`, the probability of the class is measured while the hottest pixels
    are taken away. A file that cannot be read gives an explanation with `error` set.
    Raises an `AnmokError` that says what to do.
    """
    require_method(method)
    network = load_classifier(best_of(Path(model))).to(default_device())
    config = network.config
    number = None if target is None else _number_of(target, config.classes)
    files = find_images(images)
    squares = list(prepare_files(files, config.image_size, crop_share=config.crop_share))
    if all(isinstance(square, DataError) for square in squares):
        raise none_readable(str(squares[0]), len(files))
    job = _Job(network=network, method=method, target=number, check=check)
    return [
        Explanation(path=file, error=str(square)) if isinstance(square, DataError) else job.explain(file, square, place)
        for file, square, place in zip(files, squares, _places(files, Path(out), method), strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What is done to every image."""

    network: ImageClassifier
    method: str
    target: int | None
    check: bool

    def explain(self, file: Path, square: Prepared, place: Path) -> Explanation:
        pixels, classes = torch.from_numpy(square), self.network.config.classes
        image = pixels.to(self.network.mean.device).float().div_(255)
        with torch.inference_mode():
            probabilities = self.network(image[None])[0].softmax(0)
        predicted = int(probabilities.argmax())
        target = predicted if self.target is None else self.target
        heat = explanations(self.network, pixels[None], torch.tensor([target]), self.method)[0]
        self._draw(file, heat, place)
        return Explanation(
            path=file,
            label=classes[predicted],
            probability=float(probabilities[predicted]),
            target=classes[target],
            target_probability=float(probabilities[target]),
            overlay=place,
            deletion=check_by_deletion(self.network, image, heat, target) if self.check else None,
        )

    def _draw(self, file: Path, heat: Float[Tensor, "height width"], place: Path) -> None:
        try:
            write_overlay(place, prepare_file(file, _SIDE, self.network.config.crop_share), heat.numpy())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise RequestError(f"'{place}' cannot be written: {reason}. Choose another --out.") from error


def _number_of(name: str, classes: Sequence[str]) -> int:
    if name in classes:
        return classes.index(name)
    near = get_close_matches(name, classes)
    shown = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"It knows {', '.join(classes[:10])}"
    rest = "" if near else ", ..." if len(classes) > 10 else "."
    raise UnknownNameError(f"The model knows no class '{name}'. {shown}{rest}")


def _places(files: Sequence[Path], out: Path, method: str) -> Iterator[Path]:
    """Where each overlay goes: the image's name, and a number where several images have it."""
    seen: Counter[str] = Counter()
    for file in files:
        seen[file.stem] += 1
        again = f"-{seen[file.stem]}" if seen[file.stem] > 1 else ""
        yield out / f"{file.stem}{again}.{method}.png"
