import pytest
import torch
from torch import nn

from anmok.evaluation.cost import (
    MEBIBYTE,
    compare_latencies,
    count_macs,
    count_params,
    fused_layers,
    measure_activations,
    measure_latencies,
    measure_memory,
)


class Attention(nn.Module):
    """Plain fused attention over the pixels: 2 n^2 d multiply-adds beside its projections."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(4, 12)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = images.flatten(2).transpose(1, 2)
        q, k, v = self.project(tokens).unsqueeze(1).chunk(3, -1)
        return nn.functional.scaled_dot_product_attention(q, k, v)


def test_macs_of_a_convolution() -> None:
    network = nn.Conv2d(3, 8, kernel_size=3, padding=1, stride=2)
    assert count_macs(network, 16, 12) == 8 * 3 * 9 * 8 * 6


def test_macs_count_the_products_of_fused_attention() -> None:
    n, d = 6 * 5, 4
    assert count_macs(Attention(), 6, 5, in_chans=4) == n * d * 3 * d + 2 * n * n * d


def test_macs_leave_the_network_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    count_macs(network, 8, 8)
    assert network.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_macs_of_a_network_without_weights() -> None:
    assert count_macs(nn.AdaptiveAvgPool2d(1), 8, 8) == 0


def test_fused_layers_are_as_before_whatever_happens() -> None:
    before = torch.backends.mha.get_fastpath_enabled()
    with fused_layers(enabled=not before):
        assert torch.backends.mha.get_fastpath_enabled() is not before
    with pytest.raises(RuntimeError), fused_layers(enabled=not before):
        nn.Linear(2, 2)(torch.zeros(3))
    assert torch.backends.mha.get_fastpath_enabled() is before


def test_frozen_parameters_do_not_count() -> None:
    network = nn.Linear(3, 2)
    network.bias.requires_grad_(False)
    assert count_params(network) == 6


def test_memory_is_weights_plus_the_largest_set_of_live_activations() -> None:
    network = nn.Sequential(nn.Linear(100, 1000), nn.ReLU(), nn.Linear(1000, 10))
    images = torch.zeros(64, 100)
    weights = count_params(network) * 4
    assert measure_memory(network, images) == (weights + images.nbytes + 2 * 64 * 1000 * 4) / MEBIBYTE
    assert measure_activations(network, images) == 2 * 64 * 1000 * 4 / MEBIBYTE


def test_a_network_with_more_work_has_the_larger_latency() -> None:
    small, large = nn.Linear(8, 8), nn.Sequential(*[nn.Linear(1024, 1024) for _ in range(8)])
    (one,) = measure_latencies([small], torch.zeros(1, 8), rounds=2, repeats=5)
    (other,) = measure_latencies([large], torch.zeros(32, 1024), rounds=2, repeats=5)
    assert 0 < one.p50 <= one.p95
    assert other.p50 > one.p50
    assert one.n == 10


def test_one_network_on_two_batches() -> None:
    network = nn.Sequential(*[nn.Linear(1024, 1024) for _ in range(4)])
    small, large = compare_latencies([(network, torch.zeros(n, 1024)) for n in (1, 256)], rounds=2, repeats=3)
    assert small.p50 < large.p50
    assert small.n == 6


@pytest.mark.parametrize("training", [True, False])
def test_latency_measures_eval_mode_and_restores_the_mode(training: bool) -> None:
    modes = []
    network = nn.Linear(2, 2)
    network.register_forward_hook(lambda module, *_: modes.append(module.training))
    network.train(training)
    measure_latencies([network], torch.zeros(1, 2), rounds=1, repeats=2)
    assert set(modes) == {False}
    assert network.training is training
