"""One class for an image: views, mixing, the losses of all heads, a teacher."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from anmok.data import Batch, BatchSource, mix, one_hot, vary
from anmok.errors import RequestError
from anmok.shapes import Images, Logits
from anmok.training.inference import share_correct
from anmok.training.job import Fit
from anmok.training.losses import Losses
from anmok.training.recipe import Distillation
from anmok.training.task import Moment


@dataclass(frozen=True)
class Views:
    """Images as training shows them, with labels, or shares of the classes where images were mixed."""

    images: Images
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def weight(self) -> int:
        """Images."""
        return len(self.targets)

    def part(self, chosen: slice) -> "Views":
        """Some of them."""
        return Views(self.images[chosen], self.targets[chosen])

    def blank(self) -> "Views":
        """A black image."""
        blank = self.images.new_zeros(1, *self.images.shape[1:]).contiguous(memory_format=torch.channels_last)
        return Views(blank, self.targets.new_zeros(1, *self.targets.shape[1:]))


@dataclass(frozen=True, kw_only=True)
class ImageClassification:
    """What training needs to know beside the recipe."""

    num_classes: int | None = None  # for recipes that mix images
    class_weights: Tensor | None = None  # for recipes that balance the classes in the loss
    teacher: nn.Module | None = None  # images in [0, 1] -> logits; for recipes that distil

    unit = "images"
    measure = "{:.1%} of the select images right"

    def check(self, job: Fit) -> None:
        """Raise `RequestError` where the recipe asks for what is not here, or not for what is."""
        recipe = job.recipe
        self._losses(job)
        if recipe.border_weight:
            raise RequestError(
                f"The recipe's border_weight has no effect on classification: got {recipe.border_weight:g}. "
                "Leave it out."
            )
        if (recipe.mixup or recipe.cutmix) and self.num_classes is None:
            raise RequestError("A recipe that mixes images needs the number of classes: got num_classes=None.")
        if (recipe.distillation is not Distillation.NONE) != (self.teacher is not None):
            raise RequestError(
                f"A teacher belongs to a recipe that distils: got distillation '{recipe.distillation}' and "
                f"{'no' if self.teacher is None else 'a'} teacher. Give both or neither."
            )

    def examples(self, batch: Batch, moment: Moment, job: Fit) -> Views:
        """Varied and mixed."""
        recipe, device = job.recipe, job.device
        views = vary(batch.pixels.to(device, non_blocking=True), recipe.variation, batch.draws)
        targets = batch.labels.to(device, non_blocking=True)
        if recipe.mixup or recipe.cutmix:
            random = np.random.default_rng((job.seed, *moment))
            views, targets = mix(views, one_hot(targets, self.num_classes or 0), recipe.mixing, random)
        return Views(views.contiguous(memory_format=torch.channels_last), targets)

    def loss(self, network: Callable[..., list[Tensor]], examples: Views, job: Fit) -> Tensor:
        """The sum over images."""
        answers = [logits.float() for logits in network(examples.images)]
        return self._losses(job)(answers, examples.targets, self._ask_teacher(examples.images, job))

    def score(self, network: nn.Module, source: BatchSource, device: torch.device) -> float:
        """Accuracy, in [0, 1]."""
        return share_correct(network, source, device)

    def _losses(self, job: Fit) -> Losses:
        weights = None if self.class_weights is None else self.class_weights.to(job.device)
        return Losses(job.recipe, distilled=getattr(job.network, "distilled", False), class_weights=weights)

    @torch.no_grad()
    def _ask_teacher(self, images: Images, job: Fit) -> Logits | None:
        """What the teacher says of the very images that the student sees (Touvron et al. 2020, sec. 5.1)."""
        if self.teacher is None:
            return None
        return self.teacher.to(job.device).eval().requires_grad_(requires_grad=False)(images).float()
