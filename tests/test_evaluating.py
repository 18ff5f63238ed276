import pytest
from torch import nn

from anmok.backbone.evaluating import evaluating


def test_every_module_returns_to_its_own_mode():
    network = nn.Sequential(nn.Dropout(), nn.BatchNorm2d(3), nn.Sequential(nn.Dropout()))
    network[1].eval()  # a frozen norm inside a network in training
    with evaluating(network):
        assert not any(module.training for module in network.modules())
    assert [module.training for module in network.modules()] == [True, True, False, True, True]


def test_the_mode_returns_also_after_an_error():
    network = nn.Dropout()
    with pytest.raises(ZeroDivisionError), evaluating(network):
        raise ZeroDivisionError
    assert network.training
