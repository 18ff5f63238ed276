from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import RequestError
from anmok.training.classifier import ClassifierConfig, ImageClassifier
from anmok.training.optimizer import build_optimizer, set_learning_rate
from anmok.training.recipe import Optimizer, Recipe
from anmok.training.recipes import list_recipes
from anmok.training.schedule import learning_rate, peak
from oracles import reference

RECIPE = Recipe(learning_rate=2.0, warmup=0.1)


def settings(network: nn.Module, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """The group of every parameter, by its name."""
    names = {id(p): name for name, p in network.named_parameters()}
    return {names[id(p)]: group for group in build_optimizer(network, recipe).param_groups for p in group["params"]}


def test_only_matrices_and_kernels_decay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    network.register_parameter("class_token", nn.Parameter(torch.zeros(1, 1, 4)))
    decayed, free = build_optimizer(network, RECIPE).param_groups
    assert [p.ndim for p in decayed["params"]] == [4, 2]
    assert len(free["params"]) == 5
    assert (decayed["weight_decay"], free["weight_decay"]) == (RECIPE.weight_decay, 0.0)


def test_what_the_network_says_should_not_decay_does_not() -> None:
    config = ClassifierConfig(model="vit_nano", classes=("a", "b"), image_size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    found = settings(classifier := ImageClassifier(config), RECIPE)
    assert found["backbone.stem.positions"]["weight_decay"] == 0.0
    assert found["backbone.head.weight"]["weight_decay"] == RECIPE.weight_decay
    assert found.keys() == {name for name, _ in classifier.named_parameters()}


def test_frozen_parameters_are_left_out() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].requires_grad_(False)
    assert settings(network, RECIPE).keys() == {"1.weight", "1.bias"}


def test_the_default_is_pytorchs_adamw_in_two_groups() -> None:
    optimizer = build_optimizer(create_model("vit_nano", num_classes=2), Recipe())
    assert type(optimizer) is torch.optim.AdamW
    ours = {"share", "in_head", "lr", "weight_decay", "params", "fused", "foreach"}
    standard = torch.optim.AdamW([nn.Parameter(torch.zeros(1))]).param_groups[0]
    for group, decay in zip(optimizer.param_groups, (0.05, 0.0), strict=True):
        assert (group["lr"], group["weight_decay"], group["fused"], group["share"]) == (2e-3, decay, True, 1.0)
        assert {k: v for k, v in group.items() if k not in ours} == {k: v for k, v in standard.items() if k not in ours}


def test_rules_get_the_recipes_numbers() -> None:
    network = nn.Linear(2, 2)
    sgd = build_optimizer(network, Recipe(optimizer=Optimizer.SGD, momentum=0.8)).defaults
    assert (sgd["momentum"], sgd["nesterov"]) == (0.8, True)
    assert not build_optimizer(network, Recipe(optimizer=Optimizer.SGD, momentum=0.0)).defaults["nesterov"]
    numbers = {"momentum": 0.8, "betas": (0.7, 0.6), "epsilon": 1e-3}
    rms = build_optimizer(network, Recipe(optimizer=Optimizer.RMSPROP, **numbers)).defaults
    assert (rms["momentum"], rms["alpha"], rms["eps"]) == (0.8, 0.6, 1e-3)
    for rule in (Optimizer.LAMB, Optimizer.ADAMW):
        defaults = build_optimizer(network, Recipe(optimizer=rule, betas=(0.7, 0.6), epsilon=1e-3)).defaults
        assert (defaults["betas"], defaults["eps"]) == ((0.7, 0.6), 1e-3)


@pytest.mark.parametrize(
    ("rule", "length"),
    [
        (Optimizer.ADAMW, 1.0),
        (Optimizer.SGD, 1.9),  # Nesterov's first step: (1 + momentum) x gradient
        (Optimizer.LAMB, 1.0),
        (Optimizer.RMSPROP, 1 / (1 - 0.999) ** 0.5),  # the mean square is not corrected for its start
    ],
)
def test_a_step_follows_the_rate_that_was_set(rule: Optimizer, length: float) -> None:
    network = nn.Linear(2, 1, bias=False)
    before = network.weight.detach().clone()
    optimizer = build_optimizer(network, replace(RECIPE, optimizer=rule, weight_decay=0.0))
    set_learning_rate(optimizer, RECIPE, 0, 100)
    network.weight.grad = torch.ones_like(network.weight)
    optimizer.step()
    moved = before - network.weight
    torch.testing.assert_close(moved, torch.full_like(before, length * learning_rate(RECIPE, 0, 100)))


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resnet18", "convnext_atto"])
def test_rates_fall_from_layer_to_layer_as_in_timm(name: str) -> None:
    timm = reference("timm")
    from timm.optim import param_groups_layer_decay

    with torch.device("meta"):
        network = timm.create_model(name)
    kept = network.no_weight_decay() if hasattr(network, "no_weight_decay") else ()
    expected = {
        id(p): (group["lr_scale"], group["weight_decay"])
        for group in param_groups_layer_decay(network, 0.05, kept, layer_decay=0.7)
        for p in group["params"]
    }
    ours = settings(network, Recipe(layer_decay=0.7))
    assert len(ours) == len(expected)
    for label, p in network.named_parameters():
        assert ours[label]["share"] == pytest.approx(expected[id(p)][0])
        assert ours[label]["weight_decay"] == expected[id(p)][1]


def test_each_group_learns_at_its_share_and_only_the_head_at_first() -> None:
    recipe = replace(RECIPE, layer_decay=0.5, head_epochs=0.25)
    network = create_model("resnet_nano", num_classes=3)
    optimizer = build_optimizer(network, recipe)
    set_learning_rate(optimizer, recipe, 24, 100)
    assert {g["lr"] for g in optimizer.param_groups if not g["in_head"]} == {0.0}
    assert {g["lr"] for g in optimizer.param_groups if g["in_head"]} == {learning_rate(recipe, 24, 100)}
    set_learning_rate(optimizer, recipe, 60, 100)
    shares = sorted({g["share"] for g in optimizer.param_groups}, reverse=True)
    assert shares == [0.5**i for i in range(len(shares))]
    assert all(g["lr"] == learning_rate(recipe, 60, 100) * g["share"] for g in optimizer.param_groups)


def test_the_order_of_parameters_depends_on_the_network_alone() -> None:
    recipe = replace(RECIPE, layer_decay=0.5, head_epochs=0.25)
    orders = [list(settings(create_model("vit_nano", num_classes=3), recipe)) for _ in range(2)]
    assert orders[0] == orders[1]


@pytest.mark.parametrize(("changes", "given"), [({"layer_decay": 0.5}, "0.5"), ({"head_epochs": 0.1}, "0.1")])
def test_a_network_that_cannot_sort_its_layers_is_refused(changes: dict[str, float], given: str) -> None:
    (name,) = changes
    with pytest.raises(
        RequestError,
        match=f"^The recipe's {name} needs a network that sorts .*: got {given} and a Linear. Set {name} to",
    ):
        build_optimizer(nn.Linear(2, 2), replace(RECIPE, **changes))


def test_every_recipe_that_comes_with_anmok_trains_a_network() -> None:
    network = create_model("vit_nano", num_classes=3)
    for card in list_recipes():
        optimizer = build_optimizer(network, card.recipe)
        for step in range(10):
            set_learning_rate(optimizer, card.recipe, step, 10)
            assert all(0 <= group["lr"] <= peak(card.recipe) for group in optimizer.param_groups)
