from dataclasses import replace
from math import cos, pi

import pytest
import torch
from torch import nn

from anmok.training.optimizer import build_optimizer, learning_rate, set_learning_rate
from anmok.training.recipe import Optimizer, Recipe

RECIPE = Recipe(learning_rate=2.0, warmup=0.1)


def test_the_rate_rises_linearly_then_falls_as_half_a_cosine() -> None:
    rates = [learning_rate(RECIPE, step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([2.0 * (i + 1) / 11 for i in range(10)])
    assert rates[10] == 2.0
    assert rates[55] == pytest.approx(1 + cos(pi * 45 / 90))
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.01


def test_only_matrices_and_kernels_decay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    network.register_parameter("class_token", nn.Parameter(torch.zeros(1, 1, 4)))
    decayed, free = build_optimizer(network, RECIPE).param_groups
    assert [p.ndim for p in decayed["params"]] == [4, 2]
    assert len(free["params"]) == 5
    assert (decayed["weight_decay"], free["weight_decay"]) == (RECIPE.weight_decay, 0.0)


@pytest.mark.parametrize("rule", Optimizer)
def test_a_step_follows_the_rate_that_was_set(rule: Optimizer) -> None:
    network = nn.Linear(2, 1, bias=False)
    before = network.weight.detach().clone()
    optimizer = build_optimizer(network, replace(RECIPE, optimizer=rule, weight_decay=0.0))
    set_learning_rate(optimizer, RECIPE, 0, 100)
    network.weight.grad = torch.ones_like(network.weight)
    optimizer.step()
    rate = learning_rate(RECIPE, 0, 100)
    expected = rate if rule is Optimizer.ADAMW else 1.9 * rate  # Nesterov's first step: (1 + momentum) x gradient
    torch.testing.assert_close(before - network.weight, torch.full_like(before, expected))
