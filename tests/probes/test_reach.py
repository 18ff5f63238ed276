from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anmok.capture import untouched
from anmok.catalogue import create_model, require_model
from anmok.probes import ProbeResult, Status, Subject, pink_noise
from anmok.probes.map_reader import map_readers
from anmok.probes.reach import extend, find_strip, stride_of
from anmok.probes.theoretical_field import theoretical_field

POOL = "pool"
ALEXNET = [(11, 4), (3, 2, POOL), (5, 1), (3, 2, POOL), (3, 1), (3, 1), (3, 1), (3, 2, POOL)]
VGG16 = [layer for n in (2, 2, 3, 3, 3) for layer in [(3, 1)] * n + [(2, 2, POOL)]]
FIRE = (3, 1)
SQUEEZENET = [(7, 2), (3, 2, POOL), *[FIRE] * 3, (3, 2, POOL), *[FIRE] * 4, (3, 2, POOL), FIRE]


def chain(layers) -> nn.Sequential:
    """One channel; a last convolution of one pixel, because maps are read behind layers with weights."""
    made = []
    for side, stride, *kind in layers:
        layer = nn.MaxPool2d if kind else lambda *sizes: nn.Conv2d(1, 1, *sizes)
        made.append(layer(side, stride, side // 2 if side % 2 else 0))
    return nn.Sequential(*made, nn.Conv2d(1, 1, 1))


def recursion(layers) -> tuple[int, int]:
    """Field and stride from kernels and strides, Araujo et al. 2019, eq. 2."""
    field, stride = 1, 1
    for side, step, *_ in layers:
        field, stride = field + (side - 1) * stride, stride * step
    return field, stride


def subject(network: nn.Module, size: int = 64, channels: int = 3) -> Subject:
    return Subject(name="a", network=network, pixels=pink_noise(2, channels, size, size), source="noise")


def field(network: nn.Module, size: int = 64, channels: int = 3) -> ProbeResult:
    given = subject(network, size, channels)
    with untouched(network):
        return theoretical_field(map_readers(given)[-1], given.images(1))


@pytest.mark.parametrize(("layers", "side"), [(ALEXNET, 195), (VGG16, 212), (SQUEEZENET, 155)])
def test_published_fields_from_kernels_and_strides(layers, side):
    assert recursion(layers)[0] == side
    found = field(chain(layers), channels=1)
    assert (found.value, found.sides, found.is_cut, found.note) == (side, (side, side), False, "")


@pytest.mark.parametrize(("name", "side"), [("alexnet", 195), ("resnet18", 435), ("resnet50", 427)])
def test_published_fields_of_presets(name, side):
    """ResNets with the stride in the 3 x 3 convolution, on strips several times as long as the images; few channels."""
    numbers = require_model(name).spec
    thin = replace(numbers, widths=tuple(width // 16 for width in numbers.widths))
    assert field(create_model(name, spec=thin, num_classes=1), 96).value == side


@settings(max_examples=8)
@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 5]), st.sampled_from([1, 2])), min_size=1, max_size=5))
def test_any_chain_of_convolutions_has_the_field_and_the_stride_of_the_recursion(layers):
    network = chain(layers)
    side, stride = recursion(layers)
    assert field(network, 32, 1).value == side
    reader = map_readers(subject(network, 32, 1))[-1]
    assert stride_of(reader, find_strip(reader, subject(network, 32, 1).images(1), 3)) == stride


def test_a_kernel_that_is_not_square_has_two_sides():
    found = field(nn.Sequential(nn.Conv2d(1, 1, (3, 7), padding=(1, 3)), nn.Conv2d(1, 1, 1)), 16, 1)
    assert (found.value, found.sides) == (7, (3, 7))


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("vit_nano", "SelfAttention"),
        ("seresnet_nano", "SqueezeExcite"),
        ("vit_hybrid_nano", "GroupNorm"),
        ("cmt_nano", "LightAttention"),
    ],
)
def test_what_makes_a_field_global_is_named(name, module):
    found = field(create_model(name, num_classes=3), 32)
    assert found.note == f"global because of {module}"
    assert (found.value, found.is_global, found.is_cut) == (256, True, True)  # eight sides were looked at


def test_windows_that_are_shifted_are_local():
    found = field(create_model("swin_nano", num_classes=3), 32)
    assert (found.value, found.is_global) == (80, False)


class OneSize(nn.Module):
    """Takes nothing but 16 x 16 pixels."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.shape[2:] != (16, 16):
            raise ValueError("16 x 16 pixels, please")
        return self.layers(images)


def test_a_network_for_one_size_is_looked_at_with_that():
    assert field(OneSize(nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1)), 16, 1).value == 5
    cut = field(OneSize(*(nn.Conv2d(1, 1, 3, padding=1) for _ in range(20))), 16, 1)
    assert (cut.value, cut.is_global, cut.is_cut) == (16, False, True)
    assert cut.note == "the field reaches the end of a strip of 16 px, and may be larger"


class Mend(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.nan_to_num())


class Strict(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.isnan().any():
            raise ValueError("this is NaN")
        return super().forward(x)


def test_a_network_that_hides_or_refuses_nan():
    hidden = field(nn.Sequential(Mend(1, 1, 3), nn.Conv2d(1, 1, 1)), 16, 1)
    assert hidden.status is Status.NOT_APPLICABLE
    assert hidden.note == "NaN in the image does not reach the map, so its ways cannot be followed"
    refused = field(nn.Sequential(Strict(1, 1, 3), nn.Conv2d(1, 1, 1)), 16, 1)
    assert refused.status is Status.FAILED
    assert refused.note == "on an image with NaN: ValueError: this is NaN"


def test_strips_are_mirrored_along_and_cut_across():
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    long = extend(image, 2, 8, 2)
    assert long[0, 0, :, 0].tolist() == [1, 5, 9, 9, 5, 1, 1, 5]
    assert torch.equal(extend(image, 3, 4, 3), image)
