from dataclasses import replace

import pytest
import torch
from torch.nn.functional import batch_norm, conv2d, cross_entropy, relu

from anmok.backbone import Task
from anmok.catalogue import card, create_model, create_segmenter, list_models, require_model
from anmok.errors import ImageSizeError, RequestError, SpecError
from anmok.evaluation.cost import count_macs
from anmok.zoo.unet import UNet
from parity import relative_error, scatter
from presets import NANO

PAPER, SMALL = require_model("unet").spec, require_model("unet_nano").spec


def test_the_papers_network_has_the_counted_size():
    with torch.device("meta"):
        model = create_segmenter("unet", num_classes=2, in_chans=1)
    assert card("unet").params == sum(p.numel() for p in model.parameters()) == 31_030_658
    assert count_macs(model, 572, 572, in_chans=1) / 1e9 == pytest.approx(150.4284, abs=1e-4)
    assert model(torch.empty(1, 1, 572, 572, device="meta")).shape == (1, 2, 388, 388)  # fig. 1
    assert PAPER.margin == model.margin == 92


def by_hand(tensors, image, levels):
    """Fig. 1, without a module and without torch's pooling, cropping and transposed convolution."""

    def twice(x, name):
        for i in (0, 2):
            x = relu(conv2d(x, tensors[f"{name}.{i}.weight"], tensors[f"{name}.{i}.bias"]))
        return x

    maps = [twice(image, "contract.0")]
    for level in range(1, levels):
        b, c, h, w = maps[-1].shape
        maps.append(twice(maps[-1].reshape(b, c, h // 2, 2, w // 2, 2).amax((3, 5)), f"contract.{level}"))
    x = maps.pop()
    for step in range(levels - 1):
        b, _, h, w = x.shape
        fourfold = torch.einsum("bchw,cdkl->bdhkwl", x, tensors[f"expand.{step}.weight"])
        x = fourfold.reshape(b, -1, 2 * h, 2 * w) + tensors[f"expand.{step}.bias"][:, None, None]
        beside = maps.pop()
        cut = [(side - 2 * half) // 2 for side, half in zip(beside.shape[2:], (h, w), strict=True)]
        beside = beside[:, :, cut[0] : -cut[0], cut[1] : -cut[1]]
        x = twice(torch.cat((beside, x), 1), f"merge.{step}")
    return conv2d(x, tensors["head.weight"], tensors["head.bias"])


@pytest.mark.parametrize(("levels", "size"), [(2, (20, 26)), (4, (92, 100)), (5, (188, 204))])
def test_logits_are_those_of_the_figure(levels, size):
    model = UNet(replace(SMALL, widths=(4, 6, 8, 12, 16)[:levels], img_size=size), num_classes=3, in_chans=2).double()
    scatter(model)
    images = torch.randn(2, 2, *size, dtype=torch.float64)
    logits = model(images)
    assert logits.shape[2:] == tuple(side - 2 * model.spec.margin for side in size)
    assert relative_error(logits, by_hand(model.state_dict(), images, levels)) < 1e-13


def test_tiles_join_without_a_seam():
    # Sec. 2, fig. 2: a pixel's logits come from real pixels alone, so a part of the image gives a part of the logits.
    model = create_segmenter("unet_nano", num_classes=2).double()
    images = torch.randn(1, 3, 76, 68, dtype=torch.float64)
    torch.testing.assert_close(model(images[:, :, 8:72, 4:]), model(images)[:, :, 8:32, 4:])


def test_a_size_that_leaves_half_places_is_refused():
    model = create_segmenter("unet_nano", num_classes=2, in_chans=1)
    assert model(torch.randn(1, 1, 44, 48)).shape == (1, 2, 4, 8)
    with pytest.raises(ImageSizeError) as error:
        model(torch.randn(1, 1, 43, 70))
    assert str(error.value) == (
        "This network takes heights and widths that are multiples of 4 pixels from 44 pixels: got 43 x 70. "
        "The nearest size that works is 44 x 72."
    )
    with pytest.raises(ImageSizeError) as error:
        create_segmenter("unet", num_classes=2, img_size=512)
    assert str(error.value) == (
        "This network takes heights and widths that are multiples of 16 plus 12 pixels from 188 pixels: "
        "got 512 x 512. The nearest size that works is 508 x 508."
    )


@pytest.mark.parametrize("side", [1, 187, 188, 189, 195, 197, 203, 512, 572])
def test_the_size_that_is_offered_is_the_nearest_that_works(side):
    sizes, works = PAPER.image_sizes, range(188, 800, 16)
    assert sizes.nearest(side) in works
    assert abs(sizes.nearest(side) - side) == min(abs(taken - side) for taken in works)
    assert sizes.above(side) == min(taken for taken in works if taken >= side)


@pytest.mark.parametrize("name", NANO)
def test_any_backbone_becomes_the_contracting_path_of_a_padded_net(name):
    torch.manual_seed(0)
    model = create_segmenter(name, num_classes=3, in_chans=2)
    logits = model(torch.randn(2, 2, 47, 34))
    assert logits.shape == (2, 3, 47, 34)
    assert 1e-2 < logits.std() < 10
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def enlarge(x, rows, columns):
    """Bilinear, by two matrices: place i looks at (i + 1/2) · old / new - 1/2, and no farther than the border."""

    def nearness(new, old):
        looks = ((torch.arange(new, dtype=x.dtype) + 0.5) * old / new - 0.5).clamp(0, old - 1)
        return (1 - (looks[:, None] - torch.arange(old, dtype=x.dtype)).abs()).clamp(min=0)

    return nearness(rows, x.shape[2]) @ x @ nearness(columns, x.shape[3]).T


@pytest.mark.parametrize(("name", "picked"), [("resnet_nano", (0, 1, 2, 3)), ("vit_nano", (0, 2, 4))])
def test_the_padded_nets_logits_are_those_of_its_equations(name, picked):
    model = create_segmenter(name, num_classes=3).double().eval()
    scatter(model)
    images = torch.randn(2, 3, 40, 32, dtype=torch.float64)
    tensors = model.state_dict()

    def convolve(x, name, padding=0):
        return conv2d(x, tensors[f"{name}.weight"], tensors.get(f"{name}.bias"), padding=padding)

    every = create_model(name, num_classes=0).double().eval()
    every.load_state_dict({k.removeprefix("encoder.model."): v for k, v in tensors.items()}, strict=False)
    maps = [every.feature_maps(images)[i] for i in picked]
    x, sizes = maps.pop(), [(40, 32), (20, 16)]
    if name == "resnet_nano":
        maps, sizes = [images, *maps], [(40, 32), (20, 16), (10, 8), (5, 4)]
    for step, (beside, size) in enumerate(zip(maps[::-1], sizes[::-1], strict=True)):
        if name == "vit_nano":
            beside = enlarge(convolve(beside, f"expand.{step}.narrow_fine"), *size)
        x = torch.cat((beside, enlarge(convolve(x, f"expand.{step}.narrow"), *size)), 1)
        for i in (0, 1):
            norm = [
                tensors[f"expand.{step}.merge.{i}.norm.{part}"]
                for part in ("running_mean", "running_var", "weight", "bias")
            ]
            x = relu(batch_norm(convolve(x, f"expand.{step}.merge.{i}.conv", padding=1), *norm))
    assert relative_error(model(images), convolve(x, "head")) < 1e-13


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano"])
def test_without_skips_pixels_hear_of_the_coarsest_map_alone(name):
    torch.manual_seed(0)
    model = create_segmenter(name, num_classes=3, skips=False).eval()
    images = torch.randn(2, 3, 40, 32)
    maps = [torch.randn_like(found) for found in model.encoder(images)]
    model.encoder.forward = lambda _: maps
    logits = model(images)
    assert logits.shape == (2, 3, 40, 32)
    maps[:-1] = [torch.zeros_like(found) for found in maps[:-1]]
    assert torch.equal(model(torch.zeros_like(images)), logits)
    maps[-1] = torch.zeros_like(maps[-1])
    assert not torch.equal(model(images), logits)
    whole = create_segmenter(name, num_classes=3)
    assert sum(p.numel() for p in model.parameters()) < sum(p.numel() for p in whole.parameters())


def draw_discs(side):
    """Noisy images of a bright disc, and which pixels it covers."""
    down, right = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    middles = side * (0.3 + 0.4 * torch.rand(16, 2, 1, 1))
    radii = side * (0.1 + 0.15 * torch.rand(16, 1, 1))
    covered = (down - middles[:, 0]) ** 2 + (right - middles[:, 1]) ** 2 < radii**2
    return covered[:, None] + 0.5 * torch.randn(16, 1, side, side), covered.long()


@pytest.mark.parametrize(("name", "side"), [("unet", 56), ("resnet_nano", 32), ("vit_nano", 32)])
def test_a_few_steps_find_the_pixels_of_discs(name, side):
    torch.manual_seed(0)
    thin = UNet(replace(SMALL, widths=(12, 24, 48)))
    model = thin if name == "unet" else create_segmenter(name, num_classes=2, in_chans=1)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(15):
        images, covered = draw_discs(side)
        logits = model(images)
        margin = (side - logits.shape[2]) // 2
        covered = covered[:, margin : side - margin, margin : side - margin]
        loss = cross_entropy(logits, covered)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = logits.argmax(1) == 1
    share = (found & (covered == 1)).sum() / (found | (covered == 1)).sum()
    assert share > 0.7


def test_dropout_is_at_the_end_of_the_contracting_path():
    for name in ("unet_nano", "resnet_nano"):
        model = create_segmenter(name, num_classes=2, drop_rate=0.5)
        deepest = []
        model.dropout.register_forward_hook(lambda _, given, __, deepest=deepest: deepest.append(given[0].shape[1]))
        model(torch.randn(2, 3, 64, 64))
        assert deepest == [model.spec.feature_shapes[-1].width]
        assert model.dropout.p == 0.5


def test_backbones_segment_too_and_u_nets_do_nothing_else():
    assert set(list_models(task=Task.SEGMENTATION)) == {*list_models(), "unet", "unet_nano"}
    assert list_models("unet*") == []


def test_a_network_of_another_task_is_refused_with_the_way_to_it():
    with pytest.raises(RequestError) as error:
        create_model("unet")
    assert str(error.value) == "'unet' segments images and is no backbone. Build it with create_segmenter."


def test_wishes_without_effect_are_errors():
    with pytest.raises(RequestError) as error:
        create_segmenter("unet", pretrained=True, num_classes=2)
    assert str(error.value) == (
        "There are no public weights of 'unet': got pretrained=True. "
        "Leave it out, or use load_state_dict for a file of yours."
    )
    with pytest.raises(RequestError) as error:
        create_segmenter("unet", num_classes=2, skips=False)
    assert str(error.value) == "'unet' merges all its maps: got skips=False. Choose a backbone, such as resnet_nano."
    with pytest.raises(SpecError, match=r"unet has no residual branch to drop: got drop_path_rate=0\.1"):
        create_segmenter("unet", num_classes=2, drop_path_rate=0.1)
    with pytest.raises(SpecError) as error:
        create_segmenter("resnet_nano", num_classes=0)
    assert str(error.value) == (
        "A segmentation network has 1 or more classes and 1 or more input channels: got num_classes=0 and in_chans=3. "
        "Name how many there are."
    )


@pytest.mark.compile
@pytest.mark.parametrize("name", ["unet_nano", "vit_nano"])
def test_it_compiles_as_one_graph_and_is_exported_with_any_batch(name):
    model = create_segmenter(name, num_classes=2).eval()
    images = torch.randn(2, 3, 48, 64)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(images), model(images))
    exported = torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},))
    images = torch.randn(5, 3, 48, 64)
    torch.testing.assert_close(exported.module()(images), model(images))


@pytest.mark.compile
def test_a_padded_net_over_convolutions_is_exported_with_any_size():
    model = create_segmenter("resnet_nano", num_classes=2).eval()
    auto = torch.export.Dim.AUTO
    shapes = ({0: auto, 2: auto, 3: auto},)
    exported = torch.export.export(model, (torch.randn(2, 3, 48, 64),), dynamic_shapes=shapes).module()
    for size in ((1, 3, 33, 47), (3, 3, 64, 40)):
        images = torch.randn(size)
        torch.testing.assert_close(exported(images), model(images))
