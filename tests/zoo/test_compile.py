import pytest
import torch

from anmok.catalogue import create_model
from presets import NANO

pytestmark = pytest.mark.compile


@pytest.mark.parametrize("name", NANO)
def test_the_whole_network_compiles_as_one_graph(name):
    torch.compiler.reset()  # it remembers only a few variants of the code that all networks share
    model = create_model(name, num_classes=10).eval()
    images = torch.randn(2, 3, 32, 32)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(images), model(images))


@pytest.mark.parametrize("name", NANO)
def test_the_network_is_exported_with_any_batch(name):
    model = create_model(name, num_classes=10).eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(model, (torch.randn(2, 3, 32, 32),), dynamic_shapes=({0: batch},))
    for count in (1, 5):
        images = torch.randn(count, 3, 32, 32)
        torch.testing.assert_close(exported.module()(images), model(images))
