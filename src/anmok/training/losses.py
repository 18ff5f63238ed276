"""What a training minimises, summed over images, so that parts of a batch and of the machine add up."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from anmok.errors import RequestError
from anmok.shapes import Logits
from anmok.training.recipe import ClassBalance, Distillation, Loss, Recipe

_PRESENT = 0.2  # share of a mixed image from which on a class counts as present, in the binary loss


class Losses:
    """The loss of every head of a network, by a recipe.

    Targets are labels, or shares of the classes where images were mixed. A distilled network has two heads, one for
    the labels and one for the teacher; without a teacher both learn the labels. Any other's further heads are
    auxiliary, each with `auxiliary_weight` (Szegedy et al. 2014, arXiv:1409.4842, sec. 5).
    """

    def __init__(self, recipe: Recipe, *, distilled: bool, class_weights: Float[Tensor, " k"] | None = None) -> None:
        if (recipe.class_balance is ClassBalance.LOSS) != (class_weights is not None):
            raise RequestError(
                f"Class weights belong to the recipe's class_balance 'loss': got '{recipe.class_balance}' and "
                f"{'no' if class_weights is None else 'some'} weights. Give both or neither."
            )
        self._recipe, self._distilled, self._weights = recipe, distilled, class_weights

    def __call__(self, logits: list[Tensor], targets: Tensor, teacher: Logits | None) -> Tensor:
        """The sum over images."""
        first, *others = logits
        if teacher is None:
            if self._distilled:
                return (self._of_labels(first, targets) + self._of_labels(others[0], targets)) / 2
            return self._with_auxiliary(first, others, targets)
        share = self._recipe.distillation_weight
        student, auxiliary = (others[0], others[1:]) if self._distilled else (first, others)
        labels = self._with_auxiliary(first, auxiliary, targets)
        return (1 - share) * labels + share * self._of_teacher(student, teacher)

    def _with_auxiliary(self, first: Logits, others: list[Tensor], targets: Tensor) -> Tensor:
        loss = self._of_labels(first, targets)
        for each in others:
            loss = loss + self._recipe.auxiliary_weight * self._of_labels(each, targets)
        return loss

    def _of_labels(self, logits: Logits, targets: Tensor) -> Tensor:
        smoothing = self._recipe.label_smoothing
        if self._recipe.loss is Loss.BINARY:
            return binary(logits, targets, smoothing, self._weights)
        return functional.cross_entropy(
            logits, targets, weight=self._weights, label_smoothing=smoothing, reduction="sum"
        )

    def _of_teacher(self, student: Logits, teacher: Logits) -> Tensor:
        """Touvron et al. 2020, arXiv:2012.12877, eq. 2 (soft) and eq. 3 (hard)."""
        if self._recipe.distillation is Distillation.HARD:
            return functional.cross_entropy(student, teacher.argmax(1), reduction="sum")
        heat = self._recipe.temperature
        ours, theirs = (functional.log_softmax(x / heat, dim=1) for x in (student, teacher))
        return heat**2 * functional.kl_div(ours, theirs, reduction="sum", log_target=True)


def binary(logits: Logits, targets: Tensor, smoothing: float, weights: Float[Tensor, " k"] | None) -> Tensor:
    """Cross-entropy of one yes-or-no question a class, summed over classes and images.

    Of a mixed image every class is present, whatever its share (Wightman et al. 2021, arXiv:2110.00476, sec. 3.1).
    Departs from it: a sum over classes, not a mean, so that a logit's gradient is that of the softmax loss.
    """
    shares = targets if targets.ndim == 2 else functional.one_hot(targets, logits.shape[1]).to(logits.dtype)
    wanted = (shares > _PRESENT).to(logits.dtype)
    wanted = wanted * (1 - smoothing) + smoothing / logits.shape[1]
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    if weights is not None:
        each = each * (shares @ weights)[:, None]
    return each.sum()


def class_weights(labels: Int[np.ndarray, " n"], num_classes: int) -> Float[Tensor, " k"]:
    """What a class's images weigh in a balanced loss: inversely to their number, 1 for the mean image."""
    counts = np.maximum(np.bincount(labels, minlength=num_classes), 1)
    return torch.from_numpy((len(labels) / (num_classes * counts)).astype(np.float32))


def sampling_weights(labels: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """How often each image is drawn where every class should come equally often, relative to the others."""
    return 1 / np.bincount(labels)[labels]
