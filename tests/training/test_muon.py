from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import RequestError
from anmok.training.choices import Optimizer
from anmok.training.muon import Muon, orthogonalised
from anmok.training.optimizer import build_optimizer
from anmok.training.recipe import Recipe

RECIPE = Recipe(optimizer=Optimizer.MUON, momentum=0.95)


def descend(weights: list[nn.Parameter], optimizer: torch.optim.Optimizer, steps: int) -> None:
    random = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=random)
        optimizer.step()


def test_matrices_go_where_pytorchs_muon_takes_them() -> None:
    ours = [nn.Parameter(torch.randn(shape)) for shape in ((6, 4), (4, 9))]
    theirs = deepcopy(ours)
    group = {"params": ours, "weight_decay": 0.1, "orthogonal": True}
    descend(ours, Muon([group], lr=0.02, momentum=0.9), 5)
    # PyTorch's momentum is a running mean, ours a running sum, of which only the direction counts.
    other = torch.optim.Muon(theirs, lr=0.02, momentum=0.9, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    descend(theirs, other, 5)
    for weight, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(weight, expected, rtol=0.02, atol=0.01)


def test_all_else_goes_where_adamw_takes_it() -> None:
    ours = [nn.Parameter(torch.randn(5)), nn.Parameter(torch.randn(2, 3))]
    theirs = deepcopy(ours)
    descend(ours, Muon([{"params": ours, "weight_decay": 0.1}], lr=0.02), 5)
    descend(theirs, torch.optim.AdamW(theirs, lr=0.02, weight_decay=0.1), 5)
    for weight, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(weight, expected)


@given(rows=st.integers(1, 24), columns=st.integers(1, 24), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_all_directions_become_about_equally_long(rows: int, columns: int, scale: float) -> None:
    torch.manual_seed(rows * 31 + columns)
    left, right = (torch.linalg.qr(torch.randn(n, min(rows, columns)))[0] for n in (rows, columns))
    lengths = torch.linspace(0.2, 1, min(rows, columns))
    found = torch.linalg.svdvals(orthogonalised(scale * left * lengths @ right.T))
    assert found.min() > 0.5
    assert found.max() < 1.3


def test_a_step_of_a_kernel_is_as_long_as_one_of_adamw() -> None:
    kernel = nn.Parameter(torch.zeros(32, 16, 3, 3).contiguous(memory_format=torch.channels_last))
    descend([kernel], Muon([{"params": [kernel], "orthogonal": True}], lr=0.1), 1)
    assert kernel.detach().square().mean().sqrt() == pytest.approx(0.1 * 0.2, rel=0.2)
    assert kernel.is_contiguous(memory_format=torch.channels_last)


def test_matrices_and_kernels_below_the_head_turn() -> None:
    network = create_model("cvt_nano", num_classes=10)
    names = {p: name for name, p in network.named_parameters()}
    turning = {
        names[p]
        for group in build_optimizer(network, RECIPE).param_groups
        for p in group["params"]
        if group["orthogonal"]
    }
    expected = {
        name
        for p, name in names.items()
        if p.ndim > 1 and name.endswith("weight") and not name.startswith("head") and (p.ndim == 2 or p.shape[1] > 1)
    }
    assert turning == expected
    assert len(turning) > 20


def test_a_network_that_does_not_know_its_head_is_refused() -> None:
    with pytest.raises(RequestError) as error:
        build_optimizer(nn.Linear(2, 2), RECIPE)
    assert str(error.value) == (
        "The recipe's optimizer needs a network that sorts its parameters by depth (group_matcher): "
        "got muon and a Linear. Set optimizer to adamw."
    )
