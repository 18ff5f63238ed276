import itertools

import pytest
import torch
from torch import nn

from anmok.backbone import Kind
from anmok.catalogue import as_file_name, card, create_model, require_model, split_tag
from anmok.catalogue.foreign import Foreign
from anmok.errors import ImageSizeError, RequestError, SpecError, UnknownNameError

_numbers = itertools.count()

SMALL = """
from torch import nn

def make_any(num_classes):
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                         nn.Linear(32, num_classes))

def make_fixed(num_classes, in_chans=3):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_chans * 32 * 32, num_classes))

def make_sized(num_classes, img_size=48):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * img_size**2, num_classes))

def make_wide(num_classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes + 1))

def make_cooled(num_classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes), nn.Softsign())

class Viewed(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4 * 32 * 32, num_classes)
    def forward(self, x):
        return self.head(self.conv(x).view(x.shape[0], -1))

def make_none(num_classes):
    return None

def make_broken(num_classes):
    raise KeyError("weights")

def make_without():
    return nn.Identity()

NUMBER = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> str:
    """The name of a module of the user's own, in the current folder."""
    module = f"own_models_{next(_numbers)}"
    (tmp_path / f"{module}.py").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    return module


def test_a_callable_of_ones_own_is_a_model(own):
    preset = require_model(f"{own}:make_any")
    assert preset.name == f"{own}:make_any"
    assert preset.architecture.kind is Kind.CNN
    assert preset.spec.img_size == (224, 224)
    model = create_model(f"{own}:make_any", num_classes=3, img_size=20)
    assert isinstance(model, Foreign)
    assert model.training
    assert all(module.training for module in model.modules())
    assert model(torch.randn(2, 3, 20, 20)).shape == (2, 3)
    assert model.training_logits(torch.randn(4, 3, 33, 17))[0].shape == (4, 3)


def test_a_size_is_tried_and_not_declared(own):
    assert require_model(f"{own}:make_fixed").spec.img_size == (32, 32)
    assert require_model(f"{own}:make_fixed").architecture.kind is Kind.MLP
    assert require_model(f"{own}:make_sized").spec.img_size == (48, 48)
    assert create_model(f"{own}:make_sized", num_classes=2, img_size=20)(torch.randn(1, 3, 20, 20)).shape == (1, 2)
    message = (
        rf"^'{own}:make_fixed' does not take 3 x 40 x 40 images \(RuntimeError: mat1 and mat2 shapes cannot be "
        r"multiplied .*\)\. Choose another image size\.$"
    )
    with pytest.raises(ImageSizeError, match=message):
        create_model(f"{own}:make_fixed", num_classes=3, img_size=40)
    with pytest.raises(ImageSizeError, match=message):  # of images that come later, too
        create_model(f"{own}:make_fixed", num_classes=3, img_size=32)(torch.zeros(1, 3, 40, 40))


def test_other_channels_are_a_wish_that_a_callable_may_know(own):
    assert create_model(f"{own}:make_fixed", num_classes=3, in_chans=1, img_size=32).in_chans == 1
    with pytest.raises(SpecError) as error:
        create_model(f"{own}:make_any", num_classes=3, in_chans=1)
    assert str(error.value) == (
        f"'{own}:make_any' has no parameter in_chans: got in_chans=1. Add it there, or leave it out here."
    )


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("make_wide", RequestError, "'{}' must give logits for images and classes, (2, 5) when it is tried: got "
                                    "(2, 6). Mend it."),
        ("make_none", RequestError, "'{}' must make a torch.nn.Module: got NoneType."),
        ("make_broken", RequestError, "'{}' can neither be made nor run for images of any usual size "
                                      "(KeyError: 'weights')."),
        ("make_without", SpecError, "'{}' has no parameter num_classes: got num_classes=5. Add it there, or leave it "
                                    "out here."),
        ("Viewed", RequestError, "'{}' can neither be made nor run for images of any usual size (RuntimeError: view "
                                 "size is not compatible with input tensor's size and stride"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_model_is_one_sentence(own, name, kind, message):
    with pytest.raises(kind) as error:
        require_model(f"{own}:{name}")
    assert str(error.value).startswith(message.format(f"{own}:{name}"))
    assert "\n" not in str(error.value)


def test_names_that_nothing_answers_to_are_one_sentence(own, tmp_path):
    for name, message in {
        f"{own}:NUMBER": f"The module {own} has no callable 'NUMBER'. Check the name '{own}:NUMBER'.",
        "no_such_module:make": "'no_such_module:make' needs the module no_such_module, which is neither installed nor "
        f"in '{tmp_path}'. Repeat this in the folder where it lies.",
        "timm-2:": "A model from elsewhere is named timm:NAME, hf:ID or module:callable: got 'timm-2:'. "
        "Check the name.",
    }.items():
        with pytest.raises(UnknownNameError) as error:
            require_model(name)
        assert str(error.value) == message
    (tmp_path / f"{own}_broken.py").write_text("import no_such_package")
    with pytest.raises(RequestError) as error:
        require_model(f"{own}_broken:make")
    assert str(error.value) == (
        f"'{own}_broken:make' cannot be imported (ModuleNotFoundError: No module named 'no_such_package'). "
        f"Mend {own}_broken."
    )


def test_a_package_that_is_missing_is_one_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(RequestError) as error:
        require_model("timm:resnet18")
    assert str(error.value) == "'timm:resnet18' needs timm: run `pip install timm` and repeat."


def test_what_is_not_known_from_outside_is_refused(own):
    name = f"{own}:make_any"
    outside = f"'{name}' is no backbone of the zoo, and shows logits only. Choose one of the zoo."
    with pytest.raises(RequestError) as error:
        create_model(name, features_only=True)
    assert str(error.value) == outside
    model = create_model(name, num_classes=2, img_size=32)
    with pytest.raises(RequestError) as error:
        model.set_grad_checkpointing()
    assert (
        str(error.value) == f"'{name}' has no method set_grad_checkpointing, as networks of the zoo and of timm have."
    )
    with pytest.raises(RequestError) as error:
        create_model(f"{own}:make_cooled", num_classes=2, img_size=32).forward_features(torch.zeros(1, 3, 32, 32))
    assert str(error.value) == (
        f"'{own}:make_cooled' has no method forward_features, as networks of the zoo and of timm have, nor a linear "
        "layer that gives its logits."
    )
    with pytest.raises(RequestError) as error:
        create_model(name, num_classes=0)
    assert str(error.value) == f"'{name}' shows logits only: got num_classes=0. Choose 1 or more."
    with pytest.raises(RequestError) as error:
        card(name)
    assert str(error.value) == f"Cards describe the models of the zoo: got '{name}'. `anmok models` lists them."
    with pytest.raises(SpecError, match="has no parameter pretrained: got pretrained=True"):
        create_model(name, pretrained=True, num_classes=2)


def test_what_goes_into_the_last_layer_are_features(own):
    model = create_model(f"{own}:make_any", num_classes=2, img_size=32).eval()
    network, images = model.stages[0], torch.randn(3, 3, 32, 32)
    features = model.forward_features(images)
    torch.testing.assert_close(features, network[:4](images))
    assert torch.equal(model.forward_head(features), model(images))
    assert torch.equal(model.forward_head(features, pre_logits=True), features)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert list(model.group_matcher()) == ["0", "1"]  # the convolution and its norm; the last layer is the head


def test_looking_draws_no_random_numbers(own):
    def first(name: str) -> torch.Tensor:
        torch.manual_seed(0)
        return next(create_model(name, num_classes=3, img_size=32).parameters())

    assert torch.equal(first(f"{own}:make_any"), first(f"{own}:make_any"))


def test_tags_are_the_zoos_alone():
    assert as_file_name("hf:owner/name") == "hf-owner-name"
    assert split_tag("resnet18.a1_in1k") == ("resnet18", "a1_in1k")
    assert split_tag("timm:resnet18.a1_in1k") == ("timm:resnet18.a1_in1k", "")
    assert split_tag("hf:./a.b/c") == ("hf:./a.b/c", "")


def test_modes_that_were_set_stay(own):
    model = create_model(f"{own}:make_any", num_classes=3, img_size=32)
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    norm.eval()
    mean = norm.running_mean.clone()
    model(torch.randn(2, 3, 24, 24))
    assert not norm.training
    assert model.training
    assert torch.equal(norm.running_mean, mean)
