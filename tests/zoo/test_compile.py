import pytest
import torch

import export_table
from anmok.backbone import Segmenter
from anmok.catalogue import create_model, create_segmenter, require_model
from presets import EVERY_FAMILY

pytestmark = pytest.mark.compile


@pytest.mark.parametrize("name", EVERY_FAMILY)
def test_the_whole_network_compiles_as_one_graph(name):
    torch.compiler.reset()  # it remembers only a few variants of the code that all networks share
    segments = issubclass(require_model(name).architecture.model, Segmenter)
    model = (create_segmenter if segments else create_model)(name, num_classes=10).eval()
    images = torch.randn(2, 3, 64 if segments else 32, 64 if segments else 32)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(images), model(images))
    export_table.claim(name, {"torch.compile": "yes"})
