from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from anmok.data import one_hot
from anmok.errors import RequestError
from anmok.training.losses import Losses, class_weights, sampling_weights
from anmok.training.recipe import ClassBalance, Distillation, Loss, Recipe

PLAIN = Recipe(label_smoothing=0.0)
LABELS = torch.tensor([0, 2, 1, 2])
LOGITS = torch.randn(3, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
FIRST, SECOND, THIRD = LOGITS
TEACHER = torch.tensor([[0.0, 1, 0], [3, 0, 0], [0, 0, 2], [0, 1, 5]], dtype=torch.float64)


def losses(recipe: Recipe, *, distilled: bool = False, weights: torch.Tensor | None = None) -> Losses:
    return Losses(recipe, distilled=distilled, class_weights=weights)


def test_cross_entropy_is_summed_over_images() -> None:
    expected = -FIRST.log_softmax(1)[range(4), LABELS].sum()
    torch.testing.assert_close(losses(PLAIN)([FIRST], LABELS, None), expected)
    torch.testing.assert_close(losses(PLAIN)([FIRST], one_hot(LABELS, 3).double(), None), expected)


def test_label_smoothing_is_the_same_for_labels_and_for_mixed_targets() -> None:
    smooth = losses(replace(PLAIN, label_smoothing=0.3))
    expected = -(one_hot(LABELS, 3, 0.3) * FIRST.log_softmax(1)).sum()
    torch.testing.assert_close(smooth([FIRST], LABELS, None), expected)
    torch.testing.assert_close(smooth([FIRST], one_hot(LABELS, 3).double(), None), expected)


def test_the_binary_loss_asks_one_question_a_class_and_takes_every_mixed_class_as_present() -> None:
    binary = losses(replace(PLAIN, loss=Loss.BINARY))
    wanted = one_hot(LABELS, 3).double()
    chance = FIRST.sigmoid()
    expected = -(wanted * chance.log() + (1 - wanted) * (1 - chance).log()).sum()
    torch.testing.assert_close(binary([FIRST], LABELS, None), expected)
    mixed = torch.tensor([[0.7, 0.3, 0.0], [0.9, 0.0, 0.1], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    present = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(
        binary([FIRST], mixed, None), functional.binary_cross_entropy(chance, present, reduction="sum")
    )


def test_auxiliary_heads_weigh_what_the_recipe_says() -> None:
    one = losses(PLAIN)
    expected = one([FIRST], LABELS, None) + 0.3 * (one([SECOND], LABELS, None) + one([THIRD], LABELS, None))
    torch.testing.assert_close(one([FIRST, SECOND, THIRD], LABELS, None), expected)


def test_a_distilled_network_without_a_teacher_learns_the_labels_with_both_heads() -> None:
    one = losses(PLAIN)
    expected = (one([FIRST], LABELS, None) + one([SECOND], LABELS, None)) / 2
    torch.testing.assert_close(losses(PLAIN, distilled=True)([FIRST, SECOND], LABELS, None), expected)


def test_hard_distillation_takes_the_teachers_class_for_a_second_label() -> None:
    """Touvron et al. 2020, eq. 3: half of each, the distillation token's head on the teacher."""
    hard = replace(PLAIN, distillation=Distillation.HARD)
    labels = functional.cross_entropy(FIRST, LABELS, reduction="sum")
    for student, distilled in ((SECOND, True), (FIRST, False)):
        teacher = functional.cross_entropy(student, torch.tensor([1, 0, 2, 2]), reduction="sum")
        heads = [FIRST, SECOND] if distilled else [FIRST]
        found = losses(hard, distilled=distilled)(heads, LABELS, TEACHER)
        torch.testing.assert_close(found, (labels + teacher) / 2)


def test_soft_distillation_is_eq_2() -> None:
    soft = replace(PLAIN, distillation=Distillation.SOFT, distillation_weight=0.1, temperature=3.0)
    ours, theirs = (FIRST / 3).softmax(1), (TEACHER / 3).softmax(1)
    divergence = (theirs * (theirs / ours).log()).sum()
    expected = 0.9 * losses(PLAIN)([FIRST], LABELS, None) + 0.1 * 9 * divergence
    torch.testing.assert_close(losses(soft)([FIRST], LABELS, TEACHER), expected)


def test_balanced_classes_count_alike_in_the_loss_and_in_the_sampling() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2])
    weights = class_weights(labels, 3)
    torch.testing.assert_close(weights, torch.tensor([10 / 18, 10 / 9, 10 / 3]))
    drawn = sampling_weights(labels)
    np.testing.assert_allclose([drawn[labels == k].sum() for k in range(3)], [1, 1, 1])
    balanced = losses(replace(PLAIN, class_balance=ClassBalance.LOSS), weights=weights.double())
    each = functional.cross_entropy(FIRST, LABELS, reduction="none")
    torch.testing.assert_close(balanced([FIRST], LABELS, None), (each * weights[LABELS]).sum())
    binary = losses(replace(PLAIN, loss=Loss.BINARY, class_balance=ClassBalance.LOSS), weights=weights.double())
    rows = functional.binary_cross_entropy_with_logits(FIRST, one_hot(LABELS, 3).double(), reduction="none").sum(1)
    torch.testing.assert_close(binary([FIRST], LABELS, None), (rows * weights[LABELS]).sum())


def test_weights_without_a_recipe_that_balances_are_refused() -> None:
    with pytest.raises(RequestError, match=r"^Class weights belong to the recipe's class_balance 'loss': got 'none'"):
        losses(PLAIN, weights=torch.ones(3))
    with pytest.raises(RequestError, match=r"got 'loss' and no weights\. Give both or neither\.$"):
        losses(replace(PLAIN, class_balance=ClassBalance.LOSS))
