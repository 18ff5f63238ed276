import pytest
import torch

from anmok.catalogue import create_model
from anmok.evaluation.cost import measure_memory
from oracles import reference


@pytest.mark.oracle
@pytest.mark.parametrize(
    "name", ["resnet50", "densenet121", "seresnet50", "swin_tiny_patch4_window7_224", "mobilenetv3_large_100"]
)
def test_inference_needs_no_more_memory_than_timms(name):
    images = torch.randn(1, 3, 224, 224)
    theirs = reference("timm").create_model(name).eval()
    assert measure_memory(create_model(name).eval(), images) <= 1.001 * measure_memory(theirs, images)
