import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anmok.catalogue import create_model, require_model
from anmok.errors import SpecError
from anmok.zoo.resnet import PadShortcut, ResNet, ResNetSpec, Shortcut

SHARED = Path(__file__).parents[3] / "shared" / "data"
NANO = require_model("resnet_nano").spec


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_logits_equal_timms(name, check_parity):
    check_parity(name, 96, 128)


@pytest.mark.parametrize("depth", [20, 56])
def test_public_cifar_weights_reach_the_accuracy_of_the_paper(depth):
    pack, weights = SHARED / "cifar10_png" / "cifar10_png.npz", f"cifar10_resnet{depth}_akamaster_fp32.safetensors"
    if not pack.exists():
        pytest.skip("the CIFAR-10 images are not here")
    stored = np.load(pack)
    chosen = np.flatnonzero(stored["split"] == 1)[:: 3 if depth == 20 else 6]
    files = (stored["data"][stored["offset"][i] : stored["offset"][i + 1]].tobytes() for i in chosen)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = (images - mean[:, None, None]) / std[:, None, None]
    model = create_model(f"cifar_resnet{depth}", num_classes=10, pretrained=SHARED / "weights" / weights).eval()
    with torch.no_grad():
        predicted = model(images).argmax(1)
    assert (predicted.numpy() == stored["label"][chosen]).mean() > 0.89


def test_option_a_takes_every_second_place_and_pads_channels_with_zeros():
    x = torch.arange(2.0 * 4 * 4).reshape(1, 2, 4, 4)
    y = PadShortcut(2, 3)(x)
    assert y.shape == (1, 5, 2, 2)
    assert torch.equal(y[0, 1], torch.tensor([[0.0, 2.0], [8.0, 10.0]]))
    assert not y[:, [0, 3, 4]].any()


def test_a_fresh_residual_net_passes_its_input_through_and_a_plain_one_does_not():
    # The last norm of every branch starts at zero, so a stage without a change of shape is the identity.
    images = torch.randn(2, 3, 32, 32)
    for name, passes in (("cifar_resnet20", True), ("cifar_plain20", False)):
        model = create_model(name).eval()
        x = model.stem(images)
        assert torch.equal(model.stages[0](x), x) is passes


def test_plain_twins_differ_in_the_shortcut_only():
    shapes = [{k: v.shape for k, v in create_model(f"cifar_{n}32").state_dict().items()} for n in ("resnet", "plain")]
    assert shapes[0] == shapes[1]


def test_drop_path_reaches_the_last_block():
    model = ResNet(replace(NANO, drop_path_rate=0.3))
    assert model.stages[-1][-1].drop_path.rate == 0.3
    assert model.stages[0][0].drop_path.rate == 0.0


def test_each_stage_has_a_width():
    with pytest.raises(SpecError) as error:
        ResNetSpec(depths=(1, 1), widths=(8,))
    assert str(error.value) == (
        "Every stage has a number in depths and widths: got 2 and 1. Make the lengths equal and positive."
    )


def test_a_plain_net_has_nothing_to_drop():
    with pytest.raises(SpecError) as error:
        ResNetSpec(depths=(1,), widths=(8,), shortcut=Shortcut.NONE, drop_path_rate=0.1)
    assert str(error.value) == ("A plain net has no residual branch to drop: got drop_path_rate=0.1. Leave it out.")
