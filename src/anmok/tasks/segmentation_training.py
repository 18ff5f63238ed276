"""What it is to learn one class for every pixel: squares of images, their loss, mIoU."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from anmok import backbone
from anmok.data import BatchSource
from anmok.data.augment.elastic import deformed
from anmok.data.augment.geometry import shifted
from anmok.data.augment.jitter import jittered
from anmok.data.mask_batches import WindowBatch
from anmok.data.mask_files import IGNORED
from anmok.data.mask_windows import BORDERS, LABELS
from anmok.errors import RequestError
from anmok.evaluation.segmentation import count_pixels, mean_iou, stack
from anmok.shapes import Images
from anmok.tasks.idle import refuse_idle
from anmok.tasks.image_segmenter import ImageSegmenter, classes_of, logits_of
from anmok.training.choices import ClassBalance
from anmok.training.device import autocast, resolve
from anmok.training.distributed import agree_on_buffers, gathered, this_part
from anmok.training.job import Fit
from anmok.training.recipe import Precision, Recipe
from anmok.training.task import Moment

WINDOW = 192  # pixels of the side of the squares to learn from, where the recipe says nothing

_USED = (
    *("repeats", "label_smoothing", "class_balance", "border_weight", "drop_path_rate", "image_size"),
    *("augmentation", "shift", "crop_area", "elastic", "color_jitter"),
)


@dataclass(frozen=True)
class Squares:
    """A batch on its device: images, and of the pixels that get logits the class and what the border adds to it."""

    images: Images
    classes: Int[Tensor, "b h w"]
    borders: Float[Tensor, "b h w"] | None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def weight(self) -> int:
        """Pixels that have a class; one of a batch without any, so that its loss, which is nothing, has a mean."""
        return max(int(len(self) > 0), int((self.classes != IGNORED).sum()))

    def part(self, chosen: slice) -> "Squares":
        """Some of them."""
        borders = None if self.borders is None else self.borders[chosen]
        return Squares(self.images[chosen], self.classes[chosen], borders)

    def blank(self) -> "Squares":
        """A black image without a class."""
        images = self.images.new_zeros(1, *self.images.shape[1:]).contiguous(memory_format=torch.channels_last)
        return Squares(images, self.classes.new_full((1, *self.classes.shape[1:]), IGNORED), None)


@dataclass(frozen=True)
class SegmentationTraining:
    """Cross-entropy of every pixel that has a class; mIoU of the whole select images."""

    num_classes: int
    class_weights: Float[Tensor, " k"]  # for recipes that balance the classes in the loss

    unit = "pixels"
    measure = "mIoU {:.1%} on the select images"

    def check(self, job: Fit) -> None:
        """Raise `RequestError` for settings without effect, and for squares that teach a network next to nothing."""
        refuse_idle(job.recipe, backbone.Task.SEGMENTATION, _USED)
        if job.recipe.class_balance is ClassBalance.SAMPLING:
            raise RequestError(
                "An image to be segmented has many classes: got class_balance='sampling'. Set it to 'loss', or "
                "leave it out."
            )
        network, size = _network(job), window_size(job.recipe)
        margin = network.margin
        if not margin:
            return
        if size < 4 * margin:
            raise RequestError(
                f"A network without padding learns from the middle of what it sees, {max(0, size - 2 * margin)} of "
                f"{size} pixels a side. Set image_size to {network.spec.image_sizes.above(4 * margin)} or more."
            )
        network.spec.check_size(size, size)

    def examples(self, batch: WindowBatch, moment: Moment, job: Fit) -> Squares:
        """Mirrored, deformed and recoloured; the layers of an image alike."""
        recipe, margin = job.recipe, _network(job).margin
        layers = batch.layers.to(job.device, non_blocking=True)
        if recipe.augmentation.startswith("flip"):
            layers = shifted(layers, batch.draws, shift=0.0)
        if recipe.elastic:
            layers = deformed(layers, batch.draws, recipe.elastic, labels=LABELS)
        pixels = layers[:, :LABELS]
        if recipe.color_jitter:
            pixels = jittered(pixels, recipe.color_jitter, batch.draws)
        answered = layers[:, :, margin : layers.shape[2] - margin, margin : layers.shape[3] - margin]
        return Squares(
            pixels.float().div_(255).contiguous(memory_format=torch.channels_last),
            answered[:, LABELS].long(),
            answered[:, BORDERS] * (recipe.border_weight / 255) if recipe.border_weight else None,
        )

    def loss(self, network: Callable[..., list[Tensor]], examples: Squares, job: Fit) -> Tensor:
        """The sum over pixels, weighted by w_c + w0 exp(...) where the recipe asks for either.

        Ronneberger et al. 2015, arXiv:1505.04597, eq. 1 and 2. Departs from it: the weights w_c are as of SegNet.
        """
        (logits,) = network(examples.images)
        balanced = job.recipe.class_balance is ClassBalance.LOSS
        each = cross_entropy(
            logits.float(),
            examples.classes,
            ignore_index=IGNORED,
            label_smoothing=job.recipe.label_smoothing,
            reduction="none" if balanced or examples.borders is not None else "sum",
        )
        if each.ndim == 0:
            return each
        weights = torch.ones_like(each)
        if balanced:
            weights = torch.cat((self.class_weights, torch.ones(IGNORED + 1 - self.num_classes))).to(each.device)
            weights = weights[examples.classes]
        return (each * (weights if examples.borders is None else weights + examples.borders)).sum()

    def score(self, network: nn.Module, source: BatchSource, device: torch.device) -> float:
        """MIoU, in [0, 1]; in the precision that trains."""
        network.eval()
        agree_on_buffers(network)
        counts = []
        images: Iterator[Any] = source.epoch(0, part=this_part())
        for image in images:
            with autocast(resolve(Precision.AUTO, device), device):
                predicted = classes_of(logits_of(network, image.pixels), *image.mask.shape)
            counts.append(count_pixels(predicted, image.mask, self.num_classes))
        return float(mean_iou(stack([each for part in gathered(counts) for each in part]).pooled()))


def _network(job: Fit) -> ImageSegmenter:
    return cast(ImageSegmenter, job.network)


def window_size(recipe: Recipe) -> int:
    """Pixels of the side of the squares that a training sees."""
    return recipe.image_size or WINDOW


def median_frequency_weights(areas: Int[np.ndarray, "n k"]) -> Float[Tensor, " k"]:
    """The median of the classes' frequencies, over the frequency of each in the images that have it.

    Eigen & Fergus 2015, arXiv:1411.4734, sec. 6.3.2, as in SegNet (Badrinarayanan et al. 2017, arXiv:1511.00561, sec.
    4.1). A class without a pixel weighs 1.
    """
    whole = (areas > 0) * areas.sum(1, keepdims=True)
    frequencies = areas.sum(0) / np.maximum(whole.sum(0), 1)
    present = frequencies > 0
    median = np.median(frequencies[present]) if present.any() else 1.0
    weights = np.divide(median, frequencies, out=np.ones(len(frequencies)), where=present)
    return torch.from_numpy(weights.astype(np.float32))
