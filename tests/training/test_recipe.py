from dataclasses import fields, replace
from typing import Any

import pytest

from anmok.data import Augmentation, Mixing, Variation
from anmok.errors import RequestError
from anmok.training.choices import Range
from anmok.training.recipe import ClassBalance, Distillation, Loss, Optimizer, Recipe, Schedule


@pytest.mark.parametrize(
    ("name", "value", "range"),
    [
        ("epochs", 0, "1 or more"),
        ("batch_size", 1, "2 or more"),
        ("learning_rate", 0.0, "more than 0"),
        ("learning_rate", float("nan"), "more than 0"),
        ("learning_rate", float("inf"), "more than 0"),
        ("weight_decay", -1.0, "0 or more"),
        ("warmup", 1.0, "0 to less than 1"),
        ("mixup", 33.0, "0 to 32"),
        ("cutmix_share", 1.5, "more than 0 to 1"),
        ("betas", (0.9, 1.0), "0 to less than 1"),
        ("milestones", (0.5, 1.0), "more than 0 to less than 1"),
        ("image_size", 8, "16 to 4096"),
        ("drop_rate", 1.0, "0 to less than 1"),
    ],
)
def test_what_is_out_of_range_is_refused(name: str, value: Any, range: str) -> None:
    given = "0.9, 1.0" if name == "betas" else "0.5, 1.0" if name == "milestones" else value
    with pytest.raises(RequestError) as caught:
        Recipe(**{name: value})
    assert str(caught.value) == f"The recipe's {name} is out of range: got {given}. Choose {range}."


def test_every_number_has_a_range() -> None:
    for field in fields(Recipe):
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            with pytest.raises(RequestError, match=f"^The recipe's {field.name} is out of range: got -1."):
                Recipe(**{field.name: type(field.default)(-1)})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cutmix_share": 0.3, "mixup": 0.2}, "cutmix_share has no effect without both mixup and cutmix: got 0.3"),
        ({"mix_probability": 0.5}, "mix_probability has no effect without mixup or cutmix: got 0.5"),
        ({"patience": 2, "evaluations": 0}, "patience has no effect without evaluations: got 2"),
        ({"milestones": (0.5,)}, "milestones has no effect without the schedule 'step': got 0.5"),
        ({"decay": 0.5}, "decay has no effect without the schedule 'step' or 'exponential': got 0.5"),
        ({"decay_epochs": 1.0}, "decay_epochs has no effect without the schedule 'exponential': got 1.0"),
        (
            {"final_learning_rate": 0.1, "schedule": Schedule.CONSTANT},
            "final_learning_rate has no effect without the schedule 'cosine': got 0.1",
        ),
        ({"momentum": 0.5}, "momentum has no effect without the optimizer 'sgd', 'rmsprop' or 'muon': got 0.5"),
        ({"epsilon": 1e-3, "optimizer": Optimizer.SGD}, "epsilon has no effect without the optimizer 'adamw'"),
        ({"temperature": 3.0, "distillation": Distillation.HARD}, "temperature has no effect without the distillation"),
        ({"distillation_weight": 0.1}, "distillation_weight has no effect without distillation: got 0.1"),
        (
            {"shift": 0.25, "augmentation": Augmentation.NONE},
            "shift has no effect without the augmentation 'crop' or 'flip-crop': got 0.25",
        ),
        ({"crop_area": 0.5}, "crop_area has no effect without an augmentation with 'resized-crop': got 0.5"),
        ({"randaugment_magnitude": 5.0}, "randaugment_magnitude has no effect without randaugment_layers: got 5.0"),
        ({"randaugment_probability": 0.5}, "randaugment_probability has no effect without randaugment_layers: got 0.5"),
    ],
)
def test_a_setting_without_effect_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=f"^The recipe's {message}"):
        Recipe(**settings)


def test_steps_have_milestones_that_rise() -> None:
    with pytest.raises(RequestError, match=r"^The schedule 'step' has milestones: got none"):
        Recipe(schedule=Schedule.STEP)
    with pytest.raises(RequestError, match=r"^The recipe's milestones rise: got 0.5, 0.2. Sort them.$"):
        Recipe(schedule=Schedule.STEP, milestones=(0.5, 0.2))


def test_what_a_change_leaves_without_effect_falls_back_to_its_default() -> None:
    steps = Recipe(schedule=Schedule.STEP, milestones=(0.5,), decay=0.2, epochs=7)
    assert steps.changed({"schedule": Schedule.COSINE}) == Recipe(epochs=7)
    assert steps.changed({"decay": 0.3}) == replace(steps, decay=0.3)
    mixed = Recipe(mixup=0.8, cutmix=1.0, mix_probability=0.9, cutmix_share=0.3)
    assert mixed.changed({"cutmix": 0.0}) == Recipe(mixup=0.8, mix_probability=0.9)


def test_a_change_without_effect_is_refused() -> None:
    with pytest.raises(RequestError, match=r"^The recipe's milestones has no effect"):
        Recipe().changed({"milestones": (0.5,)})
    steps = Recipe(schedule=Schedule.STEP, milestones=(0.5,))
    with pytest.raises(RequestError, match=r"^The recipe's decay has no effect"):
        steps.changed({"schedule": Schedule.CONSTANT, "decay": 0.5})


def test_parts_of_it_go_to_what_augments() -> None:
    augmented = {
        "augmentation": Augmentation.CROP,
        "randaugment_layers": 2,
        "randaugment_magnitude": 7.0,
        "randaugment_deviation": 0.1,
        "randaugment_probability": 0.4,
        "color_jitter": 0.3,
        "erasing": 0.2,
    }
    assert Recipe(**augmented).variation == Variation(**augmented)
    mixed = {"mixup": 0.8, "cutmix": 1.0, "cutmix_share": 0.3}
    assert Recipe(**mixed, mix_probability=0.9).mixing == Mixing(**mixed, probability=0.9)


def test_by_default_all_that_came_later_is_off() -> None:
    """Selection trains with the default; what it measured stays comparable."""
    recipe = Recipe()
    assert recipe.variation == Variation(augmentation=Augmentation.FLIP_CROP)
    assert recipe.mixing == Mixing()
    assert (recipe.loss, recipe.class_balance, recipe.distillation) == (
        Loss.CROSS_ENTROPY,
        ClassBalance.NONE,
        Distillation.NONE,
    )
    assert (recipe.layer_decay, recipe.head_epochs, recipe.ema_decay, recipe.repeats) == (1.0, 0.0, 0.0, 1)


def test_a_range_says_what_it_holds() -> None:
    assert [str(r) for r in (Range(1), Range(0, open_low=True), Range(0, 1), Range(0, 1, open_high=True))] == [
        "1 or more",
        "more than 0",
        "0 to 1",
        "0 to less than 1",
    ]
    assert [Range(0, 1, open_low=True, open_high=True).holds(v) for v in (0, 0.5, 1)] == [False, True, False]
