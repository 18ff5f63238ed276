import pickle

import pytest
import torch

from anmok.biases.entities import Entities
from anmok.biases.user import read_component
from anmok.errors import RequestError, UnknownNameError

SOURCE = """
import torch
from torch import nn

class Neighbours(nn.Module):
    def __init__(self, c, out):
        super().__init__()
        self.linear = nn.Linear(c, out)
    def forward(self, x, adjacency):
        return self.linear(x if adjacency is None else adjacency @ x)

def sets(n, c, out):
    return nn.Linear(c, out)

def graphs(n, c, out):
    return Neighbours(c, out)

def picky(n, c):
    return nn.Linear(c, 2)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "some_blocks.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)


def test_entities_are_answered_one_by_one_or_on_average():
    component = read_component("some_blocks:sets")
    assert (component.name, component.reads_adjacency) == ("some_blocks:sets", False)
    x = torch.randn(2, 5, 3)
    each = component.make(Entities(n=5, c=3, out=4), 0)
    together = component.make(Entities(n=5, c=3, out=4, pooled=True), 0)
    assert each(x).shape == (2, 5, 4)
    assert torch.equal(together(x), together.network(x).mean(1))


def test_a_second_argument_takes_the_adjacency():
    component = read_component("some_blocks:graphs")
    assert component.reads_adjacency
    network, x, adjacency = component.make(Entities(n=5, c=3, out=4), 0), torch.randn(2, 5, 3), torch.ones(2, 5, 5)
    assert torch.equal(network(x, adjacency), network.network(x, adjacency))
    assert torch.equal(network(x), network.network(x, None))


def test_it_can_be_sent_to_another_process():
    component = read_component("some_blocks:sets")
    assert pickle.loads(pickle.dumps(component)) == component


def test_a_maker_of_other_arguments():
    message = (
        r"^A component is made by make\(n, c, out\): some_blocks:picky\(16, 4, 2\) raised TypeError: .*\. Mend it\.$"
    )
    with pytest.raises(RequestError, match=message):
        read_component("some_blocks:picky")


def test_a_name_that_is_none():
    with pytest.raises(UnknownNameError, match=r"named module:callable: got 'blocks'\. Check the name\.$"):
        read_component("blocks")
