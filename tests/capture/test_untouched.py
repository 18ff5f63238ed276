"""Looking leaves no trace, whatever the network does."""

import pytest
import torch
from torch import nn

from anmok.capture import captured_attention, find_blocks, outputs, untouched
from small_backbones import fingerprint


class Busy(nn.Module):
    """Draws random numbers, and counts and remembers what it sees, in eval mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(1))
        self.register_buffer("last", torch.zeros(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.last = x.mean((0, 2, 3)) + torch.rand(3)
        return self.dropout(self.norm(self.conv(x)))


def images() -> torch.Tensor:
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_nothing_is_left():
    network = Busy().train()
    network.norm.eval()
    network.conv.bias.requires_grad_(False)
    network(images()).sum().backward()
    buffers = [id(b) for b in network.buffers()]
    before = fingerprint(network)
    with untouched(network), captured_attention():
        outputs(network, images(), find_blocks(network, images()))
    assert fingerprint(network) == before
    assert [id(b) for b in network.buffers()] == buffers


def test_nothing_is_left_of_a_network_that_raises():
    network = nn.Sequential(Busy(), nn.Linear(5, 5)).train()
    before = fingerprint(network)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), untouched(network):
        outputs(network, images(), {"0": network[0]})
    assert fingerprint(network) == before
    assert torch.backends.mha.get_fastpath_enabled()


def test_inside_nothing_is_random():
    """Dropout is off, and what draws all the same draws the same again."""
    network = Busy().train()
    seen = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        with untouched(network):
            assert not network.dropout.training
            network(images())
            seen.append(network.last)
    assert torch.equal(*seen)


def test_a_buffer_that_was_not_written_to_is_not_either():
    """Else a graph that holds it could not be walked back."""
    network = nn.BatchNorm2d(3).eval()
    version = network.running_mean._version
    with untouched(network):
        network(images())
    assert network.running_mean._version == version


@pytest.mark.parametrize("enabled", [True, False])
def test_the_fast_path_is_off_inside_and_as_it_was_outside(enabled):
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(enabled)
    try:
        with untouched(nn.Identity()):
            assert not torch.backends.mha.get_fastpath_enabled()
        assert torch.backends.mha.get_fastpath_enabled() == enabled
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
