from math import sqrt

import numpy as np
import pytest
import torch
from torch import nn

from anmok.catalogue import create_segmenter
from anmok.probes import Normalised, Status, Subject, pink_noise
from anmok.probes.skips import PROBE, response_energy, skip_connections
from small_backbones import box_filter, fingerprint


def images(n: int = 3, size: int = 64, channels: int = 3) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(0))


def unet(name: str = "unet_nano", channels: int = 1) -> nn.Module:
    torch.manual_seed(0)
    return create_segmenter(name, num_classes=3, in_chans=channels)


def relative(changed: torch.Tensor, whole: torch.Tensor) -> float:
    """Mean over images."""
    return float(((changed - whole).flatten(1).norm(dim=1) / whole.flatten(1).norm(dim=1)).mean())


def test_a_skip_of_the_first_unet_is_half_of_the_channels_of_a_merge():
    network, given = unet().eval(), images(channels=1)
    result, _, _ = skip_connections(network, given)
    assert list(result.effects) == ["merge.0", "merge.1"]
    with torch.no_grad():
        whole = network(given)
        for name, effect in result.effects.items():
            weight = network.get_submodule(name)[0].weight
            kept = weight.clone()
            weight[:, : weight.shape[1] // 2] = 0
            assert effect == pytest.approx(relative(network(given), whole), rel=1e-4)
            weight.copy_(kept)
    assert result.value == max(result.effects.values())
    assert result.note == f"without {max(result.effects, key=result.effects.get)}"
    assert (result.n, result.unit) == (3, "ratio")


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "swin_nano", "cmt_nano"])
def test_a_skip_of_a_padded_unet_is_its_finer_map(name):
    network, given = unet(name, 3).eval(), images()
    result, _, _ = skip_connections(network, given)
    assert list(result.effects) == [f"expand.{i}" for i in range(len(network.expand))]
    with torch.no_grad():
        whole = network(given)
        for block_name, effect in result.effects.items():
            block = network.get_submodule(block_name)
            conv = block.merge[0][0] if isinstance(block.merge[0], nn.Sequential) else block.merge[0].conv
            fine = conv.weight.shape[1] - block.narrow.out_channels
            kept = conv.weight.clone()
            conv.weight[:, :fine] = 0
            assert effect > 0
            if isinstance(block.narrow_fine, nn.Identity):  # else its bias is dropped here, and not there
                assert effect == pytest.approx(relative(network(given), whole), rel=1e-4)
            conv.weight.copy_(kept)


@pytest.mark.parametrize(("name", "channels"), [("unet_nano", 1), ("resnet_nano", 3), ("cmt_nano", 3)])
def test_skips_restore_locality(name, channels):
    _, response, bare = skip_connections(unet(name, channels), images(4, 64, channels))
    assert response.value < bare.value
    assert response.high < bare.low


def test_a_merge_that_ignores_the_encoder_is_the_null():
    network, given = unet(), images(channels=1)
    with torch.no_grad():
        for merge in network.merge:
            merge[0].weight[:, : merge[0].in_channels // 2] = 0
    result, response, bare = skip_connections(network, given)
    assert set(result.effects.values()) == {0}
    assert response.value == bare.value
    np.testing.assert_array_equal(response.energy, bare.energy)


def test_the_response_of_a_box_filter_is_known():
    """Nine pixels alike: one at distance 0, four at 1, four at the root of 2."""
    energy = response_energy(box_filter(3), images(2, 9))
    np.testing.assert_allclose(energy[:, :3], np.array([[1, 5, 9]] * 2) / 9, rtol=1e-6)
    wide = nn.Sequential(*(box_filter(3) for _ in range(2)))
    heat = np.outer(*[np.array([1, 2, 3, 2, 1]) / 9] * 2) ** 2
    squared = np.add.outer(*[np.arange(-2, 3) ** 2] * 2)
    for distance in (0, 1, 2, 4, 5, 8):
        expected = heat[squared <= distance].sum() / heat.sum()
        assert response_energy(wide, images(1, 9))[0, distance] == pytest.approx(expected, rel=1e-5)


def test_without_padding_the_middle_is_that_of_the_image():
    conv = nn.Conv2d(3, 1, 3, bias=False)
    nn.init.ones_(conv.weight)
    np.testing.assert_allclose(response_energy(conv, images(1, 9))[0, :3], np.array([1, 5, 9]) / 9, rtol=1e-6)


def test_the_radius_holds_half_of_the_energy():
    _, response, _ = skip_connections(unet(), images(1, channels=1))
    energy = response_energy(unet(), images(1, channels=1))[0]
    squared = round(response.value**2)
    assert response.value == pytest.approx(sqrt(squared))
    assert energy[squared] >= 0.5 > energy[squared - 1]
    assert (response.unit, response.low) == ("px", None)
    np.testing.assert_allclose(response.energy[:4], energy[[0, 1, 4, 9]])


def test_an_output_that_no_pixel_reaches():
    network = unet()
    nn.init.zeros_(network.head.weight)
    nn.init.ones_(network.head.bias)
    result, response, bare = skip_connections(network, images(channels=1))
    assert result.value == 0
    assert response.status is bare.status is Status.NOT_APPLICABLE
    assert response.note == bare.note == "no gradient of an output pixel reaches the image"


def test_other_networks():
    for result in skip_connections(nn.Sequential(box_filter(3)), images()):
        assert result.status is Status.NOT_APPLICABLE
        assert result.note.startswith("it is about networks that merge an encoder's maps into a decoder, such as those")


def test_a_segmenter_may_be_held_by_another_module():
    network = Normalised(unet("resnet_nano", 3), (0.5,) * 3, (0.25,) * 3)
    subject = Subject(name="unet", network=network, pixels=pink_noise(3, 3, 32, 32), source="noise")
    results = PROBE.measure(subject)
    assert [r.metric for r in results] == [m.name for m in PROBE.metrics]
    assert all(r.status is Status.OK for r in results)
    assert results[0].note.startswith("without network.expand.")


def test_the_network_is_left_as_it_was():
    network = unet("resnet_nano", 3).train()
    network(images(2, 32)).sum().backward()
    before = fingerprint(network)
    with torch.no_grad():
        skip_connections(network, images(2, 32))
    assert fingerprint(network) == before
    assert not any(module._forward_pre_hooks for module in network.modules())
