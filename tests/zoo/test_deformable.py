import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from anmok.catalogue import create_model, load_weights, require_model
from anmok.errors import SpecError, WeightsError
from anmok.layers import DeformConv
from anmok.zoo.deformable import DeformableResNet
from oracles import reference
from parity import answers, relative_error, scatter

NANO = require_model("deformable_nano").spec


@pytest.fixture
def resnet50(tmp_path):
    """A timm ResNet-50 with random numbers, and the file that holds it."""
    theirs = reference("timm").create_model("resnet50", num_classes=10)
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "resnet50.safetensors")
    return theirs, tmp_path / "resnet50.safetensors"


@pytest.mark.oracle
def test_with_a_resnets_weights_logits_start_as_a_resnets(resnet50):
    theirs, path = resnet50
    ours = create_model("deformable_resnet50", pretrained=path)
    images = torch.randn(2, 3, 65, 96)
    for logits, expected in answers(ours, theirs, images):
        assert relative_error(logits, expected) < 1e-5


@pytest.mark.oracle
def test_with_a_resnets_weights_v2_starts_with_convolutions_at_half_their_answer(resnet50):
    theirs, path = resnet50
    ours = create_model("deformable_resnet50_v2", pretrained=path).eval()
    for stage in (theirs.layer2, theirs.layer3, theirs.layer4):
        for block in stage:
            block.conv2.weight.data.mul_(0.5)
    images = torch.randn(1, 3, 64, 96)
    assert relative_error(ours(images), theirs.eval()(images)) < 1e-5


def test_v1_bends_three_convolutions_and_v2_those_of_three_stages():
    with torch.device("meta"):
        v1, v2 = (create_model(name) for name in ("deformable_resnet50", "deformable_resnet50_v2"))
    bent = [name for name, module in v1.named_modules() if isinstance(module, DeformConv)]
    assert bent == [f"stages.3.{i}.branch.conv2" for i in range(3)]
    assert sum(isinstance(module, DeformConv) for module in v2.modules()) == 4 + 6 + 3
    assert v1.stages[3][0].branch.conv2.offset.out_channels == 18
    assert v2.stages[3][0].branch.conv2.offset.out_channels == 27


def test_the_backbones_of_mmdetections_files_are_read(tmp_path):
    ours = DeformableResNet(replace(NANO, expansion=4, widths=(8, 8, 16, 16)), num_classes=10)
    scatter(ours)
    theirs = {
        "backbone." + _mmdetections_name(name): tensor
        for name, tensor in ours.state_dict().items()
        if not name.startswith("head.")
    }
    assert "backbone.layer4.0.conv2.conv_offset.weight" in theirs
    save_file({**theirs, "neck.fpn_convs.0.conv.weight": torch.zeros(1)}, tmp_path / "detector.safetensors")
    again = DeformableResNet(ours.spec, num_classes=0)
    load_weights(again, tmp_path / "detector.safetensors", "deformable")
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(again.eval()(images), ours.eval().embed(images))


def _mmdetections_name(name):
    for pattern, replacement in (
        (r"^stem\.conv\.", "conv1."),
        (r"^stem\.norm\.", "bn1."),
        (r"^stages\.(\d)\.", lambda m: f"layer{int(m[1]) + 1}."),
        (r"\.branch\.conv", ".conv"),
        (r"\.branch\.norm", ".bn"),
        (r"\.offset\.", ".conv_offset."),
        (r"\.shortcut\.conv\.", ".downsample.0."),
        (r"\.shortcut\.norm\.", ".downsample.1."),
    ):
        name = re.sub(pattern, replacement, name)
    return name


def test_a_file_has_all_offsets_or_none(tmp_path):
    tensors = create_model("deformable_nano", num_classes=10).state_dict()
    del tensors["stages.2.0.branch.conv1.offset.bias"]
    save_file(tensors, tmp_path / "cut.safetensors")
    with pytest.raises(WeightsError, match=r"it lacks 'stages\.2\.0\.branch\.conv1\.offset\.bias'\. Name a file"):
        create_model("deformable_nano", num_classes=10, pretrained=tmp_path / "cut.safetensors")


def test_training_moves_the_offsets():
    model = create_model("deformable_nano", num_classes=10)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    images, labels = torch.randn(8, 3, 32, 32), torch.arange(8)
    for _ in range(2):  # the last norm of each branch starts at zero and holds the first gradient back
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert all(module.offset.weight.any() for module in model.modules() if isinstance(module, DeformConv))


def test_each_stage_is_deformable_or_not():
    with pytest.raises(SpecError) as error:
        replace(NANO, deformable=(True,))
    assert str(error.value) == (
        "Every stage has a number in depths and deformable: got 4 and 1. Make the lengths equal and positive."
    )
    with pytest.raises(SpecError, match="got 64 channels and 7 groups"):
        DeformableResNet(replace(NANO, offset_groups=7))
