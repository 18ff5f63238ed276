"""Rollout of networks with global attention, and the reasons where there is none."""

import pytest
import torch
from torch import nn

from anmok.capture import captured_attention, untouched
from anmok.catalogue import create_model
from anmok.errors import RequestError
from anmok.explain import attention_rollout
from small_backbones import fingerprint


def images(n: int = 2, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


class Gaze(nn.Module):
    """Two blocks of one head over 16 places and a class token; all look at one place."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, 4, 8, 8)
        self.head = nn.Linear(4, 2)
        self.place = place

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.cut(x).flatten(2).mT
        tokens = torch.cat((torch.zeros_like(tokens[:, :1]), tokens), dim=1)
        scores = torch.zeros(len(x), 1, 17, 17)
        scores[..., 1 + self.place] = 50.0
        for _ in range(2):
            tokens = nn.functional.layer_norm(tokens + (scores.softmax(-1) @ tokens[:, None])[:, 0], (4,))
        return self.head(tokens[:, 0])


class Tokens(nn.Module):
    """Says how many tokens there are, as a module of a real network would."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.identity = network, nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.identity(torch.zeros(len(x), 17, 4))
        return self.network(x)


@pytest.mark.parametrize("place", [0, 6, 15])
def test_where_all_look_at_one_place_the_heat_is_there(place):
    heat = attention_rollout(Tokens(Gaze(place)), images(), 0)
    row, column = divmod(place, 4)
    assert heat.shape == (2, 32, 32)
    assert float(heat[:, 8 * row + 4, 8 * column + 4].min()) > 0.8
    far = heat[:, (8 * row + 20) % 32, (8 * column + 20) % 32]
    assert float(far.max()) < 0.01


def test_even_attention_without_a_class_token_shows_nothing():
    """A network whose attention is even everywhere has no hottest place, and its map is 0, not noise."""
    torch.manual_seed(0)
    network = create_model("vit_nano", num_classes=3, img_size=32)
    for name, p in network.named_parameters():
        if "qkv" in name or "query" in name or "key" in name:
            nn.init.zeros_(p)
    with untouched(network), torch.no_grad(), captured_attention() as weights:
        network(images())
    assert all(float(w.std()) < 1e-6 for w in weights)
    assert float(attention_rollout(network, images(), 0).max()) in (0.0, 1.0)


def test_the_map_is_the_class_tokens_row_over_all_blocks():
    """Against a product written out in float64."""
    torch.manual_seed(0)
    network, x = create_model("vit_nano", num_classes=3, img_size=32).eval(), images()
    with untouched(network), torch.no_grad(), captured_attention() as weights:
        network(x)
    n = weights[0].shape[-1]
    total = torch.eye(n, dtype=torch.float64)
    for w in weights:
        total = (w[1].double().mean(0) + torch.eye(n, dtype=torch.float64)) / 2 @ total
    side = int((n - 1) ** 0.5)
    read = total[0, n - side**2 :] if n > side**2 else total.mean(0)
    expected = nn.functional.interpolate(read.reshape(1, 1, side, side), size=(32, 32), mode="bilinear")[0, 0]
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    torch.testing.assert_close(attention_rollout(network, x, 0)[1].double(), expected, rtol=1e-2, atol=1e-2)


def test_heads_that_share_the_batch_axis_are_heads():
    class Folded(Gaze):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scores = torch.zeros(2 * len(x), 17, 17)
            scores[..., 1 + self.place] = 50.0
            return self.head((scores.softmax(-1) @ torch.ones(2 * len(x), 17, 4))[: len(x), 0])

    heat = attention_rollout(Tokens(Folded(6)), images(), 0)
    assert float(heat[:, 12, 20].min()) > 0.9


@pytest.mark.parametrize("name", ["vit_nano", "deit_nano", "vit_hybrid_nano"])
def test_transformers_and_hybrids_with_global_attention(name):
    torch.manual_seed(0)
    heat = attention_rollout(create_model(name, num_classes=3, img_size=32), images(), 1)
    assert heat.shape == (2, 32, 32)
    assert (float(heat.min()), float(heat.max())) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("resnet_nano", "this network has no attention that can be seen"),
        ("swin_nano", "that of this network stays inside windows"),
        ("cmt_nano", "that of this network has fewer keys than queries"),
    ],
)
def test_what_has_no_rollout(name, why):
    message = (
        f"^Attention rollout needs attention of all places to all places: {why}. grad-cam fits networks with feature "
        "maps; integrated-gradients and occlusion fit any network.$"
    )
    with pytest.raises(RequestError, match=message):
        attention_rollout(create_model(name, num_classes=3, img_size=64), images(size=64), 0)


def test_a_class_that_there_is_not():
    with pytest.raises(RequestError, match=r"^This network has 3 classes: got target 3. Choose from 0 to 2.$"):
        attention_rollout(create_model("vit_nano", num_classes=3, img_size=32), images(), 3)


def test_the_network_is_left_as_it_was():
    network = create_model("vit_nano", num_classes=3, img_size=32).train()
    network(images()).sum().backward()
    before = fingerprint(network)
    attention_rollout(network, images(), 0)
    assert fingerprint(network) == before
