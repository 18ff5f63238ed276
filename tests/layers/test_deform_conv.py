from math import floor

import pytest
import torch
from torch.nn.functional import conv2d

from anmok.errors import SpecError
from anmok.layers import DeformConv, deform_conv2d
from oracles import reference
from parity import relative_error

# Channels in and out, kernel, stride, padding, dilation, groups, offset groups, mask.
CASES = {
    "plain": (2, 3, (3, 3), (1, 1), (1, 1), (1, 1), 1, 1, False),
    "modulated, in groups, all numbers uneven": (8, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, 4, True),
    "1x3": (4, 4, (1, 3), (1, 2), (0, 1), (1, 1), 4, 2, True),
}


def draw(case, dtype=torch.float64):
    """Random tensors for `deform_conv2d`, offsets of some places, and its settings."""
    width_in, width_out, kernel, stride, padding, dilation, groups, offset_groups, modulated = CASES[case]
    torch.manual_seed(0)
    taps = kernel[0] * kernel[1]
    x = torch.randn(2, width_in, 5, 4, dtype=dtype)
    weight = torch.randn(width_out, width_in // groups, *kernel, dtype=dtype)
    bias = torch.randn(width_out, dtype=dtype)
    size = conv2d(x, weight, bias, stride, padding, dilation, groups).shape[2:]
    offsets = 1.5 * torch.randn(2, 2 * offset_groups * taps, *size, dtype=dtype)
    mask = torch.rand(2, offset_groups * taps, *size, dtype=dtype) if modulated else None
    return (x, offsets, weight, bias), mask, {"stride": stride, "padding": padding, "dilation": dilation}


def bilinear(plane, down, right):
    """Eq. 3 and 4 of the paper: each place counts by its nearness along both axes; there is nothing outside."""
    value = torch.zeros((), dtype=plane.dtype)
    for i in (floor(down), floor(down) + 1):
        for j in (floor(right), floor(right) + 1):
            if 0 <= i < plane.shape[0] and 0 <= j < plane.shape[1]:
                value += (1 - abs(down - i)) * (1 - abs(right - j)) * plane[i, j]
    return value


def loop(x, offsets, weight, bias, *, mask, stride, padding, dilation):
    """The sum over channels and taps of eq. 2, place by place."""
    width_out, inner, rows, columns = weight.shape
    taps = rows * columns
    offset_groups = offsets.shape[1] // (2 * taps)
    y = bias[:, None, None].expand(x.shape[0], width_out, *offsets.shape[2:]).clone()
    for b, d, i, j in torch.cartesian_prod(*map(torch.arange, y.shape)).tolist():
        for c in range(inner):
            channel = d // (width_out * inner // x.shape[1]) * inner + c
            group = channel // (x.shape[1] // offset_groups)
            for k in range(taps):
                first = (group * taps + k) * 2
                down = i * stride[0] - padding[0] + k // columns * dilation[0] + offsets[b, first, i, j].item()
                right = j * stride[1] - padding[1] + k % columns * dilation[1] + offsets[b, first + 1, i, j].item()
                gain = 1.0 if mask is None else mask[b, group * taps + k, i, j]
                y[b, d, i, j] += weight[d, c, k // columns, k % columns] * gain * bilinear(x[b, channel], down, right)
    return y


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_sum_of_the_equation(case):
    tensors, mask, settings = draw(case)
    torch.testing.assert_close(deform_conv2d(*tensors, mask=mask, **settings), loop(*tensors, mask=mask, **settings))


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_finite_differences(case):
    tensors, mask, settings = draw(case)
    leaves = [tensor.requires_grad_() for tensor in (*tensors, mask) if tensor is not None]

    def from_leaves(*leaves):
        return deform_conv2d(*leaves[:4], mask=leaves[4] if len(leaves) > 4 else None, **settings)

    assert torch.autograd.gradcheck(from_leaves, leaves, fast_mode=True)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_without_offsets_it_is_an_ordinary_convolution(case, dtype, tolerance):
    (x, offsets, weight, bias), _, settings = draw(case, dtype)
    groups = x.shape[1] // weight.shape[1]
    ordinary = conv2d(x, weight, bias, groups=groups, **settings)
    assert relative_error(deform_conv2d(x, 0 * offsets, weight, bias, **settings), ordinary) < tolerance


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_it_equals_torchvisions_operator(case):
    torchvision = reference("torchvision")
    if not hasattr(torch.ops.torchvision, "deform_conv2d"):
        pytest.skip("torchvision's operators are built for another torch")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tensors, mask, settings = draw(case)
    tensors, mask = [t.to(device) for t in tensors], None if mask is None else mask.to(device)
    expected = torchvision.ops.deform_conv2d(*tensors, mask=mask, **settings)
    torch.testing.assert_close(deform_conv2d(*tensors, mask=mask, **settings), expected)


def test_outside_the_map_there_are_zeros_and_half_way_there_is_half():
    x, weight = torch.full((1, 1, 2, 2), 3.0), torch.ones(1, 1, 1, 1)
    offsets = torch.zeros(1, 2, 2, 2)
    offsets[0, 0, 0, 0] = -0.5
    offsets[0, 1, 0, 1] = 1.0
    offsets[0, :, 1, 1] = torch.tensor([1e4, -1e4])
    expected = torch.tensor([[1.5, 0.0], [3.0, 0.0]])
    torch.testing.assert_close(deform_conv2d(x, offsets, weight)[0, 0], expected)


def test_half_precision_knows_places_as_well_as_full_precision():
    tensors, _, settings = draw("plain", torch.bfloat16)
    low = deform_conv2d(*tensors, **settings)
    full = deform_conv2d(*(t.float() for t in tensors), **settings)
    assert low.dtype == torch.bfloat16
    assert relative_error(low.float(), full) < 0.01


def test_a_fresh_layer_is_an_ordinary_convolution_and_half_of_one_if_modulated():
    x = torch.randn(2, 8, 7, 6)
    for modulated, share in ((False, 1.0), (True, 0.5)):
        layer = DeformConv(8, 4, 3, stride=2, padding=2, dilation=2, groups=2, offset_groups=4, modulated=modulated)
        ordinary = conv2d(x, layer.weight, None, 2, 2, 2, 2)
        expected = share * ordinary + layer.bias[:, None, None]
        torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)
        layer(x).square().sum().backward()
        assert all(parameter.grad.any() for parameter in layer.parameters())


def test_a_layer_looks_where_its_offsets_say():
    layer = DeformConv(2, 2, 3, padding=1, bias=False, modulated=True)
    layer.offset.bias.data[1:18:2] = 1.0  # to the right
    layer.offset.bias.data[18:] = 30.0  # with full gain
    x = torch.randn(1, 2, 5, 5)
    moved = torch.cat((x[..., 1:], torch.zeros(1, 2, 5, 1)), dim=3)
    expected = conv2d(moved, layer.weight, padding=1)
    torch.testing.assert_close(layer(x)[..., 1:], expected[..., 1:], rtol=1e-5, atol=1e-5)


@pytest.mark.compile
def test_it_compiles_as_one_graph_and_is_exported_with_any_batch_and_size():
    layer = DeformConv(4, 6, 3, stride=2, padding=1, groups=2, offset_groups=2, modulated=True).eval()
    torch.nn.init.normal_(layer.offset.weight, std=0.3)
    images = torch.randn(2, 4, 9, 11)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(images), layer(images))
    auto = torch.export.Dim.AUTO
    exported = torch.export.export(layer, (images,), dynamic_shapes=({0: auto, 2: auto, 3: auto},)).module()
    for size in ((1, 4, 8, 8), (3, 4, 20, 13)):
        images = torch.randn(size)
        torch.testing.assert_close(exported(images), layer(images))


def test_channels_must_divide_into_offset_groups():
    with pytest.raises(SpecError) as error:
        DeformConv(8, 8, 3, offset_groups=3)
    assert str(error.value) == (
        "Offset groups have equal shares of the input's channels: got 8 channels and 3 groups. "
        "Choose a number that divides 8."
    )


def test_offsets_must_fit_the_filter_and_the_output():
    x, weight = torch.randn(1, 2, 5, 5), torch.randn(2, 2, 3, 3)
    with pytest.raises(SpecError) as error:
        deform_conv2d(x, torch.zeros(1, 20, 3, 3), weight)
    assert str(error.value) == (
        "A filter with 9 taps has 18 channels of offsets per group, and half as many of a mask: "
        "got offsets of 20 and no mask. Give both in these numbers."
    )
    with pytest.raises(SpecError, match="got offsets of 18 and a mask of 18"):
        deform_conv2d(x, torch.zeros(1, 18, 3, 3), weight, mask=torch.ones(1, 18, 3, 3))
    with pytest.raises(SpecError) as error:
        deform_conv2d(x, torch.zeros(1, 18, 5, 5), weight)
    assert str(error.value) == (
        "Offsets are given for every place of the output, 3 x 3: got 5 x 5. "
        "Compute them with the same stride, padding and dilation."
    )
