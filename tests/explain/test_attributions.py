"""Integrated gradients and occlusion: linear models, whose shares are weights times differences."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from anmok.errors import RequestError
from anmok.explain import integrated_gradients, occlusion
from anmok.explain.absent import blurred
from anmok.explain.integrated_gradients import pixel_shares
from anmok.explain.occlusion import pixel_falls, side_of_square
from small_backbones import fingerprint

pytest.importorskip("captum")


def images(n: int = 2, size: int = 12) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def linear(size: int = 12) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * size**2, 4))


def curved() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(800, 4))


def test_of_a_linear_model_each_number_accounts_for_its_weight_times_the_difference():
    network, x = linear(), images()
    base = torch.zeros_like(x) + 0.25
    shares = pixel_shares(network, x, torch.tensor([1, 3]), base)
    weights = network[1].weight[[1, 3]].detach().reshape(2, 3, 12, 12)
    torch.testing.assert_close(shares, weights * (x - base), rtol=1e-4, atol=1e-6)


def test_shares_add_up_to_the_difference_of_the_logits():
    network, x = curved(), images()
    shares = pixel_shares(network, x, 2, blurred(x))
    with torch.no_grad():
        gained = (network(x) - network(blurred(x)))[:, 2]
    torch.testing.assert_close(shares.sum((1, 2, 3)), gained, rtol=1e-3, atol=1e-4)


def test_the_heat_is_what_speaks_for_the_class_alone():
    network, x = linear(), images()
    added = pixel_shares(network, x, 1, blurred(x)).sum(1)
    heat = integrated_gradients(network, x, 1)
    assert torch.equal(heat > 0, added > 0)
    assert float(heat.amax((1, 2)).min()) == 1.0
    for one, other in zip(heat, added, strict=True):
        hottest = other > other.flatten().kthvalue(140).values
        assert float(one[hottest].min()) >= float(one[~hottest].max())


def test_occluding_a_linear_model_takes_the_sum_under_the_square():
    """Each pixel is given the mean over the squares that hide it."""
    network, x = linear(), images(1)
    behind, side = torch.full_like(x, 0.5), 4
    parts = (network[1].weight[2].detach().reshape(3, 12, 12) * (x - behind)[0]).sum(0)
    total, count = torch.zeros(12, 12), torch.zeros(12, 12)
    for top in range(0, 9, 2):
        for left in range(0, 9, 2):
            square = (slice(top, top + side), slice(left, left + side))
            total[square] += parts[square].sum()
            count[square] += 1
    falls = pixel_falls(network, x, 2, behind, side)
    assert torch.equal(falls[:, 0], falls[:, 2])
    torch.testing.assert_close(falls[0, 0], total / count, rtol=1e-4, atol=1e-5)


def test_occlusion_finds_the_place_that_a_network_reads():
    class Corner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            bright = x[:, :, :4, 8:].mean((1, 2, 3))
            return torch.stack((-bright, bright), dim=1)

    x = images(2, 12) * 0.1
    x[:, :, :4, 8:] = 1.0
    heat = occlusion(Corner(), x, 1)
    assert heat.shape == (2, 12, 12)
    assert float(heat[:, :4, 8:].amax((1, 2)).min()) == 1.0
    assert float(heat[:, 6:].max()) == float(heat[:, :, :6].max()) == 0.0
    assert not occlusion(Corner(), x, 0).any()  # nothing speaks for the other class


@pytest.mark.parametrize(("size", "side"), [((8, 8), 2), ((64, 48), 8), ((224, 224), 37)])
def test_the_square_follows_the_image(size, side):
    assert side_of_square(torch.empty(1, 3, *size)) == side


@pytest.mark.parametrize("method", [integrated_gradients, occlusion])
def test_the_network_is_left_as_it_was(method):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(400, 3))
    network(images()).sum().backward()
    network[0].weight.requires_grad_(False)
    x = images()
    before = fingerprint(network)
    method(network, x, 0)
    assert fingerprint(network) == before
    assert torch.equal(x, images())
    assert not x.requires_grad


@pytest.mark.parametrize("method", [integrated_gradients, occlusion])
def test_without_captum_it_is_one_sentence(method, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(RequestError, match=r"needs captum: run `pip install captum` and repeat.$"):
        method(linear(), images(), 0)


@pytest.mark.parametrize("method", [integrated_gradients, occlusion])
def test_a_class_that_there_is_not(method):
    with pytest.raises(RequestError, match=r"^This network has 4 classes: got target 4. Choose from 0 to 3.$"):
        method(linear(), images(), 4)


def test_captum_is_imported_only_where_it_is_needed():
    code = "import sys, anmok.explain; sys.exit('captum' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
