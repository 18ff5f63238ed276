from copy import deepcopy

import pytest
import torch
from torch import nn

from anmok.training.lamb import Lamb
from oracles import reference


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.LazyLinear(4))


def learn(net: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    random = torch.Generator().manual_seed(1)
    for _ in range(steps):
        images, targets = torch.randn(4, 3, 6, 6, generator=random), torch.randn(4, 4, generator=random)
        optimizer.zero_grad()
        ((net(images) - targets) ** 2).mean().backward()
        optimizer.step()


def groups(net: nn.Module) -> list[dict[str, object]]:
    weights, biases = ([p for p in net.parameters() if (p.ndim > 1) == several] for several in (True, False))
    return [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]


@pytest.mark.oracle
def test_it_goes_where_timms_goes() -> None:
    reference("timm")
    from timm.optim import Lamb as Other

    ends = []
    for build in (
        lambda net: Lamb(groups(net), lr=0.02, betas=(0.8, 0.95), eps=1e-6),
        lambda net: Other(groups(net), lr=0.02, betas=(0.8, 0.95), eps=1e-6, max_grad_norm=None),
    ):
        net = network()
        net(torch.zeros(1, 3, 6, 6))
        learn(net, build(net), 8)
        ends.append(net.state_dict())
    for name, weight in ends[0].items():
        torch.testing.assert_close(weight, ends[1][name], rtol=1e-5, atol=1e-6)


def test_the_first_step_is_as_long_as_the_rates_share_of_the_weights() -> None:
    weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    optimizer = Lamb([{"params": [weight], "weight_decay": 1e-9}], lr=0.1)
    weight.grad = torch.tensor([[1e-3, -7.0]])
    optimizer.step()
    step = weight.detach() - torch.tensor([[3.0, 4.0]])
    assert step.norm() == pytest.approx(0.1 * 5, rel=1e-4)
    assert step.sign().tolist() == [[-1.0, 1.0]]


def test_weights_of_zero_and_those_without_a_gradient_are_no_trouble() -> None:
    zero, idle = nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.ones(2, 2))
    optimizer = Lamb([{"params": [zero, idle], "weight_decay": 0.1}], lr=0.1)
    zero.grad = torch.ones(2, 2)
    loss = optimizer.step(lambda: 3.0)
    assert loss == 3.0
    torch.testing.assert_close(zero.detach(), torch.full((2, 2), -0.1), rtol=1e-4, atol=0)
    assert torch.equal(idle.detach(), torch.ones(2, 2))


def test_a_copy_of_its_state_goes_on_to_the_bit() -> None:
    first, second = network(), network()
    for net in (first, second):
        net(torch.zeros(1, 3, 6, 6))
    learn(first, optimizer := Lamb(groups(first), lr=0.02), 3)
    second.load_state_dict(first.state_dict())
    resumed = Lamb(groups(second), lr=0.02)
    resumed.load_state_dict(deepcopy(optimizer.state_dict()))
    for net, rule in ((first, optimizer), (second, resumed)):
        learn(net, rule, 2)
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), second.parameters(), strict=True))
    assert all(isinstance(value, torch.Tensor) for state in resumed.state.values() for value in state.values())
