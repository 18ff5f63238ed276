"""Features in which positions stand, or do not."""

import numpy as np
import pytest
import torch
from einops import rearrange
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from anmok.catalogue import create_model
from anmok.probes import Profile, Status, Subject
from anmok.probes.position import METRICS, PROBE, PositionReadout, position_readout, rolled, score
from anmok.probes.run import ask
from small_backbones import fingerprint


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def places(rows: int = 6, columns: int = 6) -> Tensor:
    return torch.cartesian_prod(torch.linspace(0, 1, rows), torch.linspace(0, 1, columns))


def images(n: int = 32, side: int = 16, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def convolutions(mode: str, depth: int = 4) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(
            8 if i else 3, 8, 3, padding=1 if mode != "none" else 0, padding_mode="zeros" if mode == "none" else mode
        )
        for i in range(depth)
    ]
    return nn.Sequential(*[module for layer in layers for module in (layer, nn.ReLU())])


def test_coordinates_are_read_exactly():
    features = places().expand(12, -1, -1)
    assert score(features, places()) == pytest.approx(np.ones(6))


def test_any_linear_code_of_coordinates_is_read():
    code = places() @ noise(2, 5) + noise(5, seed=1)
    assert score(code.expand(12, -1, -1), places()).mean() > 1 - 1e-6


def test_constant_features_tell_nothing():
    assert score(torch.full((12, 36, 4), 3.0), places()).tolist() == [0] * 6
    assert score(1e4 + 1e-3 * noise(12, 36, 4), places()).tolist() == [0] * 6  # rounding is no signal


def test_noise_tells_nothing():
    assert abs(score(noise(64, 36, 30), places()).mean()) < 0.02


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_of_coordinates_in_noise_what_can_be_known_is_known(strength):
    """One channel each, standardised, and noise: R2 = 1 / (1 + strength^2)."""
    y = places()
    features = (y - y.mean(0)) / y.std(0, correction=0) + strength * noise(200, 36, 2)
    assert score(features, y).mean() == pytest.approx(1 / (1 + strength**2), abs=0.03)


def test_the_penalty_is_that_with_the_least_error_about_images_left_out():
    """Against leaving them out one by one."""
    x, y = noise(16, 9, 40), places(3, 3)
    x[..., 0] += 0.5 * y[:, 0]
    known = x[:8].double()
    flat = rearrange(known, "n p c -> (n p) c")
    known = (known - flat.mean(0)) / flat.std(0)
    asked = (x[8:].double() - flat.mean(0)) / flat.std(0)
    centred = (y - y.mean(0)).double()

    def ridge(some: Tensor, penalty: float, count: int) -> Tensor:
        rows, targets = rearrange(some, "n p c -> (n p) c"), centred.repeat(len(some), 1)
        return torch.linalg.inv(rows.T @ rows + penalty * count * torch.eye(40).double()) @ rows.T @ targets

    penalties = [10.0**k for k in range(-5, 4)]
    errors = [
        sum(float(((known[i] @ ridge(known[torch.arange(8) != i], p, 72) - centred) ** 2).sum()) for i in range(8))
        for p in penalties
    ]
    best = penalties[int(np.argmin(errors))]
    wrong = (asked @ ridge(known, best, 72) - centred) ** 2
    expected = 1 - (wrong.sum(1) / (centred**2).sum(0)).mean(1)
    np.testing.assert_allclose(score(x, y), expected.numpy(), rtol=1e-6)


def test_more_channels_than_places():
    x = places(3, 3) @ noise(2, 100) + 0.1 * noise(8, 9, 100)
    assert score(x, places(3, 3)).mean() > 0.95


def test_zero_padding_tells_a_cnn_where_it_is_and_circular_padding_does_not():
    """Islam et al. 2020."""
    zeros, circular = (position_readout(convolutions(mode), images()) for mode in ("zeros", "circular"))
    assert zeros[0].value > 0.5
    assert zeros[0].low > 0.4
    assert abs(circular[0].value) < 0.02
    assert abs(circular[1].value) < 0.02
    assert zeros[0].note.endswith("zero padding seen")
    assert circular[0].note.endswith("neither zero padding nor a position table seen")


def test_what_images_show_does_not_count():
    """Bright above and dark below: the sky says where, but not in an image that is rolled around."""
    sky = torch.linspace(1, 0, 16)[:, None].expand(32, 3, 16, 16) + 0.1 * images()
    found = position_readout(convolutions("circular"), sky)
    assert abs(found[0].value) < 0.05


def test_the_last_map_and_the_best():
    found = position_readout(convolutions("zeros"), images())
    blocks = found[0].blocks
    assert list(blocks) == ["0", "2", "4", "6"]
    best = max(blocks, key=blocks.get)
    assert (found[0].value, found[1].value) == (blocks["6"], blocks[best])
    assert found[0].note.startswith("at '6'; ")
    assert found[1].note.startswith(f"at '{best}'; ")


@settings(max_examples=10)
@given(st.integers(0, 99))
def test_rolling_keeps_every_pixel(seed):
    given, turned = images(5, 8, seed), rolled(images(5, 8, seed), seed)
    torch.testing.assert_close(turned.flatten(2).sort(-1).values, given.flatten(2).sort(-1).values)
    assert torch.equal(turned, rolled(given, seed))


def test_every_offset_is_as_likely():
    point = torch.zeros(2000, 1, 4, 4)
    point[:, :, 0, 0] = 1
    shares = rolled(point, 0).mean((0, 1))
    torch.testing.assert_close(shares, torch.full((4, 4), 1 / 16), atol=0.02, rtol=0)


def test_position_tables_are_named():
    found = position_readout(create_model("vit_nano", num_classes=3), images(16, 32))
    assert found[0].note.endswith("the position table 'stem.positions' seen")
    assert found[1].value > 0.8


@pytest.mark.parametrize(
    ("network", "n", "note"),
    [
        (convolutions("zeros"), 7, "reading positions takes 8 images or more: 7 were given"),
        (nn.Sequential(nn.Flatten(), nn.Linear(768, 3)), 8, "no block gives a map of 2 x 2 places or more"),
    ],
    ids=["few images", "no map"],
)
def test_not_applicable(network, n, note):
    for row in position_readout(network, images(n)):
        assert (row.status, row.note) == (Status.NOT_APPLICABLE, note)


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "swin_nano", "cvt_nano"])
def test_every_kind(name):
    pixels = torch.randint(256, (10, 3, 32, 32), dtype=torch.uint8)
    network = create_model(name, num_classes=3)
    rows = ask(PROBE, Subject(name=name, network=network, pixels=pixels, source="noise"))
    assert [(row.metric, row.definition) for row in rows] == [metric[:2] for metric in METRICS]
    assert isinstance(rows[0], PositionReadout)
    assert rows[0].low <= rows[0].value <= rows[0].high
    assert (rows[0].n, rows[0].status) == (5, Status.OK)


def test_a_plain_network_of_one_channel_and_long_images():
    network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1))
    rows = position_readout(network, images(16)[:, :1, :12])
    assert list(rows[0].blocks) == ["0", "2"]


def test_the_network_is_left_as_it_was():
    network = create_model("resnet_nano", num_classes=3).train()
    network(images(2, 32)).sum().backward()
    before = fingerprint(network)
    position_readout(network, images(8, 32))
    assert fingerprint(network) == before


def test_what_it_is():
    assert (PROBE.number, PROBE.profile, [m.unit for m in METRICS]) == (8, Profile.STANDARD, ["R2", "R2"])
