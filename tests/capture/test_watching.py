import pytest
import torch
from torch import nn

from anmok.capture.watching import in_place_of, keeps_shape, watching
from anmok.layers import TokenGrid
from small_backbones import CollectTokens, Tokenise, fingerprint


def test_what_a_module_took_is_copied_before_it_writes_into_it():
    network = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    seen = []
    with watching({"1": network[1]}, lambda *call: seen.append(call)):
        network(torch.tensor([[-1.0, 2.0]]))
    name, taken, given = seen[0]
    assert (name, taken.tolist(), given.tolist()) == ("1", [[-1.0, 2.0]], [[0.0, 2.0]])


def test_what_is_returned_takes_the_outputs_place():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    x = torch.rand(3, 2)
    with watching({"0": network[0]}, lambda _, taken, __: taken):
        changed = network(x)
    torch.testing.assert_close(changed, network[1](x))
    torch.testing.assert_close(network(x), network[1](network[0](x)))


def test_grids_stay_grids():
    network = nn.Sequential(Tokenise(), CollectTokens())
    seen = []
    with watching({"1": network[1]}, lambda *call: seen.append(call)):
        network(torch.rand(1, 3, 2, 4))
    assert isinstance(seen[0][1], TokenGrid)
    assert seen[0][1].tokens[:, 0].abs().sum() == 0
    assert keeps_shape(*seen[0][1:])


def test_the_tensor_of_an_output_is_replaced_wherever_it_stands():
    old, new = torch.zeros(1, 4, 2), torch.ones(1, 4, 2)
    assert in_place_of(old, new) is new
    assert in_place_of((old, "weights"), new)[0] is new
    assert in_place_of([old, "weights"], new)[1] == "weights"
    assert in_place_of((TokenGrid(old, 2, 2), None), new)[0].tokens is new


def test_hooks_are_gone_whatever_happens():
    network = nn.Sequential(nn.Linear(2, 2))
    wrong = torch.rand(1, 3)
    before = fingerprint(network)
    with pytest.raises(RuntimeError), watching({"0": network[0]}, lambda *call: None):
        network(wrong)
    assert fingerprint(network) == before
    assert not network[0]._forward_pre_hooks


def test_no_shape_is_kept_by_what_is_no_tensor():
    assert not keeps_shape(None, torch.zeros(1))
    assert not keeps_shape(torch.zeros(1), "text")
    assert not keeps_shape(torch.zeros(1, 2), torch.zeros(1, 3))
