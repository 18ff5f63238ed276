"""Which does a classifier name where an image shows the shape of one class in the texture of another?

Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture", arXiv:1811.12231, sec. 2.3: images made by
style transfer, of 16 classes that ImageNet's 1000 fall into; images whose shape and texture are of one class are left
out. A class's probability is the mean over its members, which the authors recommend since (Geirhos et al. 2018,
arXiv:1808.08750, app.). The images are the authors': `stimuli/style-transfer-preprocessed-512` of
github.com/rgeirhos/texture-vs-shape, CC BY 4.0.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor, nn

from anmok.backbone.evaluating import evaluating
from anmok.capture import as_tensor
from anmok.data.decode import read_image
from anmok.errors import DataError, RequestError
from anmok.evaluation.metrics import Proportion, accuracy
from anmok.shapes import Labels, Pixels

_CHUNK = 32  # images answered at once
_SUFFIXES = (".png", ".jpg", ".jpeg")

# Places among ImageNet's 1000 classes, counted from 0, first and last of each run.
SIXTEEN: dict[str, tuple[tuple[int, int], ...]] = {
    "airplane": ((404, 404),),
    "bear": ((294, 297),),
    "bicycle": ((444, 444), (671, 671)),
    "bird": ((8, 8), (10, 16), (18, 20), (22, 24), (80, 83), (87, 96), (98, 100), (127, 133), (135, 145)),
    "boat": ((472, 472), (554, 554), (625, 625), (814, 814), (914, 914)),
    "bottle": ((440, 440), (720, 720), (737, 737), (898, 899), (901, 901), (907, 907)),
    "car": ((436, 436), (511, 511), (817, 817)),
    "cat": ((281, 286),),
    "chair": ((423, 423), (559, 559), (765, 765), (857, 857)),
    "clock": ((409, 409), (530, 530), (892, 892)),
    "dog": (
        *((152, 191), (193, 203), (205, 226), (228, 241), (243, 250), (252, 257), (259, 259)),
        *((261, 263), (265, 268)),
    ),
    "elephant": ((385, 386),),
    "keyboard": ((508, 508), (878, 878)),
    "knife": ((499, 499),),
    "oven": ((766, 766),),
    "truck": ((555, 555), (569, 569), (656, 656), (675, 675), (717, 717), (734, 734), (864, 864), (867, 867)),
}


@dataclass(frozen=True, kw_only=True)
class ShapeBias:
    """Wilson intervals; a bias of a classifier that seldom names either cue is noise, so the two belong together."""

    bias: Proportion | None  # shapes named, of all answers that are one of the cues; None where there are none
    accuracy: Proportion  # answers that are one of the cues, of all


@dataclass(frozen=True, kw_only=True)
class CueConflict:
    """Images whose shape is of one class and whose texture is of another, as places in `SIXTEEN`."""

    pixels: Pixels
    shapes: Labels
    textures: Labels


def shape_bias(shape_right: Bool[np.ndarray, " n"], texture_right: Bool[np.ndarray, " m"]) -> ShapeBias:
    """From which images were named after their shape, and which after their texture."""
    if len(shape_right) != len(texture_right) or not len(shape_right):
        raise RequestError(
            f"Each image has an answer about its shape and one about its texture, and one image is needed: got "
            f"{len(shape_right)} and {len(texture_right)}. Give both the same length."
        )
    both = int((shape_right & texture_right).sum())
    if both:
        raise RequestError(
            f"An answer names the shape or the texture: {both} of {len(shape_right)} name both. "
            "Leave out images whose shape and texture are of one class."
        )
    either = shape_right | texture_right
    return ShapeBias(bias=accuracy(shape_right[either]) if either.any() else None, accuracy=accuracy(either))


def cue_conflict(network: nn.Module, images: CueConflict) -> ShapeBias:
    """Ask a network with ImageNet's 1000 classes that takes images in [0, 1]."""
    parts = images.pixels.split(_CHUNK)
    parameter = next(network.parameters(), torch.empty(0))
    with evaluating(network), torch.no_grad():
        answers = [as_tensor(network(part.to(parameter.device).float().div_(255))) for part in parts]
    named = torch.cat([sixteen_classes(answer) for answer in answers if answer is not None])
    return shape_bias((named == images.shapes).numpy(), (named == images.textures).numpy())


def sixteen_classes(logits: Float[Tensor, "b k"]) -> Int[Tensor, " b"]:
    """The most probable of the 16 classes, as places in `SIXTEEN`."""
    if logits.shape[1] != 1000:
        raise RequestError(
            f"The 16 classes are made of ImageNet's 1000: the network has {logits.shape[1]}. "
            "Give one with the head that it was trained with."
        )
    probabilities = logits.cpu().double().softmax(1)
    means = [probabilities[:, members].mean(1) for members in _members()]
    return torch.stack(means, dim=1).argmax(1)


def read_cue_conflict(folder: Path, *, size: int = 224) -> CueConflict:
    """Read `folder/SHAPE/SHAPE7-TEXTURE2.png`, resized to squares; what is of one class in both is left out."""
    classes = list(SIXTEEN)
    paths = [path for path in sorted(folder.glob("*/*")) if path.suffix.lower() in _SUFFIXES]
    conflicts = [(path, cues) for path in paths if len(set(cues := _cues(path))) == 2]
    if not conflicts:
        raise DataError(
            f"Cue-conflict images stand in class folders and are called as in airplane1-bicycle2.png: '{folder}' has "
            "none in which shape and texture differ. Give the folder that holds the class folders."
        )
    return CueConflict(
        pixels=torch.stack([_read(path, size) for path, _ in conflicts]),
        shapes=torch.tensor([classes.index(shape) for _, (shape, _) in conflicts]),
        textures=torch.tensor([classes.index(texture) for _, (_, texture) in conflicts]),
    )


def _cues(path: Path) -> tuple[str, str]:
    match = re.search(r"([a-z]+)\d*-([a-z]+)\d*$", path.stem)
    if match is None or match[1] not in SIXTEEN or match[2] not in SIXTEEN:
        raise DataError(
            f"A cue-conflict image is called after its shape and its texture, as in airplane1-bicycle2.png: got "
            f"'{path.name}'. Use these classes: {', '.join(SIXTEEN)}."
        )
    return match[1], match[2]


def _read(path: Path, size: int) -> Tensor:
    image = Image.fromarray(read_image(path)).resize((size, size), Image.Resampling.BICUBIC)
    return rearrange(torch.from_numpy(np.array(image)), "height width c -> c height width")


def _members() -> list[list[int]]:
    return [[i for first, last in runs for i in range(first, last + 1)] for runs in SIXTEEN.values()]
