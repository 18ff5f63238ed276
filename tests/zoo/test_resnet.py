import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from anmok.catalogue import create_model, require_model
from anmok.errors import SpecError
from anmok.zoo.resnet import PadShortcut, ResNet, ResNetSpec, Shortcut
from oracles import reference
from parity import answers, relative_error, scatter

SHARED = Path(__file__).parents[3] / "shared" / "data"
NANO = require_model("resnet_nano").spec


def read_pack(path, chosen, *, crop):
    """Middle squares of some images, 0 to 255, and their labels."""
    stored = np.load(path)
    chosen = np.arange(len(stored["label"]))[chosen]
    squares = []
    for i in chosen:
        image = Image.open(io.BytesIO(stored["data"][stored["offset"][i] : stored["offset"][i + 1]].tobytes()))
        grown = image.convert("RGB").resize([max(crop, side) for side in image.size])
        left, top = ((side - crop) // 2 for side in grown.size)
        squares.append(np.asarray(grown.crop((left, top, left + crop, top + crop))))
    images = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float()
    return images, torch.from_numpy(stored["label"][chosen].astype(np.int64))


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_logits_equal_timms(name, check_parity):
    check_parity(name, 96, 128)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet50_v1"])
def test_logits_equal_those_of_transformers(name, tmp_path):
    transformers = reference("transformers")
    layers = {"resnet18": {"layer_type": "basic", "hidden_sizes": (64, 128, 256, 512), "depths": (2, 2, 2, 2)}}
    config = transformers.ResNetConfig(
        num_labels=10, downsample_in_bottleneck=name.endswith("_v1"), **layers.get(name, {})
    )
    theirs = transformers.ResNetForImageClassification(config)
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    ours = create_model(name, num_classes=10, pretrained=tmp_path / "theirs.safetensors")
    images = torch.randn(2, 3, 64, 96)
    for logits, expected in answers(ours, theirs, images):
        assert relative_error(logits, expected) < 1e-5


@pytest.mark.oracle
def test_torchvisions_files_are_read(tmp_path):
    theirs = reference("torchvision").models.resnet101(num_classes=10).eval()
    scatter(theirs)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = create_model("resnet101", num_classes=10, pretrained=tmp_path / "theirs.pth").eval()
    images = torch.randn(1, 3, 64, 64)
    assert relative_error(ours(images), theirs(images)) < 1e-5


def test_public_weights_know_imagenet_with_the_stride_where_the_paper_has_it(tmp_path):
    pack = SHARED / "imagenet_sample500" / "imagenet_sample500.npz"
    if not pack.exists():
        pytest.skip("the ImageNet images are not here")
    stored = load_file(SHARED / "weights" / "resnet50_keras_v1_int8.safetensors")
    scales = {name.removesuffix(".scale"): scale for name, scale in stored.items() if name.endswith(".scale")}
    weights = {
        name: stored[f"{name}.int8"] * scale.view(-1, *[1] * (stored[f"{name}.int8"].ndim - 1))
        for name, scale in scales.items()
    }
    others = {name: tensor for name, tensor in stored.items() if not name.endswith((".int8", ".scale"))}
    save_file({**others, **weights}, tmp_path / "keras.safetensors")
    images, labels = read_pack(pack, slice(None, None, 25), crop=224)
    mean = torch.tensor([103.939, 116.779, 123.68])  # blue, green, red, as in Caffe
    model = create_model("resnet50_v1", pretrained=tmp_path / "keras.safetensors").eval()
    with torch.no_grad():
        predicted = model(images.flip(1) - mean[:, None, None]).argmax(1)
    assert (predicted == labels).float().mean() > 0.75


@pytest.mark.parametrize("depth", [20, 56])
def test_public_cifar_weights_reach_the_accuracy_of_the_paper(depth):
    pack, weights = SHARED / "cifar10_png" / "cifar10_png.npz", f"cifar10_resnet{depth}_akamaster_fp32.safetensors"
    if not pack.exists():
        pytest.skip("the CIFAR-10 images are not here")
    test = np.flatnonzero(np.load(pack)["split"] == 1)[:: 3 if depth == 20 else 6]
    images, labels = read_pack(pack, test, crop=32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = (images / 255 - mean[:, None, None]) / std[:, None, None]
    model = create_model(f"cifar_resnet{depth}", num_classes=10, pretrained=SHARED / "weights" / weights).eval()
    with torch.no_grad():
        predicted = model(images).argmax(1)
    assert (predicted == labels).float().mean() > 0.89


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


def test_only_bottlenecks_have_a_first_stride():
    with pytest.raises(SpecError) as error:
        ResNetSpec(depths=(1,), widths=(8,), stride_first=True)
    assert str(error.value) == "stride_first is a bottleneck's: got expansion=1. Leave it out."


def test_a_plain_net_has_nothing_to_drop():
    with pytest.raises(SpecError) as error:
        ResNetSpec(depths=(1,), widths=(8,), shortcut=Shortcut.NONE, drop_path_rate=0.1)
    assert str(error.value) == ("A plain net has no residual branch to drop: got drop_path_rate=0.1. Leave it out.")
