import pytest
import torch
from torch import nn

from anmok.backbone import Kind
from anmok.catalogue import create_model, require_model
from anmok.errors import RequestError
from anmok.explain import grad_cam
from anmok.training.classifier import ClassifierConfig, ImageClassifier
from presets import NANO
from small_backbones import ClassToken, CollectTokens, Stack, Tokenise, fingerprint

NO_PLACES = (
    r"^Grad-CAM shows places of a feature map, and this network has none with several places. "
    r"integrated-gradients and occlusion fit any network.$"
)


def signed(n: int = 2, size: int = 8) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def rectified(images: torch.Tensor, channel: int) -> torch.Tensor:
    heat = images[:, channel].relu()
    return heat / heat.amax((1, 2), keepdim=True)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_where_a_logit_is_the_sum_of_a_channel_the_heat_is_that_channel_rectified(channel):
    images = signed()
    torch.testing.assert_close(grad_cam(Stack(nn.Identity()), images, channel), rectified(images, channel))


def test_a_target_for_each_image():
    images = signed()
    heat = grad_cam(Stack(nn.Identity()), images, torch.tensor([2, 0]))
    torch.testing.assert_close(heat[0], rectified(images, 2)[0])
    torch.testing.assert_close(heat[1], rectified(images, 0)[1])


def test_a_class_token_is_explained_by_the_last_stage_that_it_read():
    """The last stage's other tokens have no slope; all of the heat lies in the stage before."""
    images = signed()
    network = Stack(Tokenise(), CollectTokens(), pool=ClassToken())
    torch.testing.assert_close(grad_cam(network, images, 1), rectified(images, 1))


def test_the_weights_are_mean_slopes_found_by_finite_differences():
    torch.manual_seed(0)
    head = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 36, 3)).double()
    network = Stack(nn.Identity(), pool=head)
    images, step, target = signed(1).double(), 1e-5, 2
    weights = torch.zeros(3, dtype=torch.float64)
    for place in range(images.numel()):
        change = torch.zeros_like(images).flatten()
        change[place] = step
        up, down = (head(images + sign * change.view_as(images))[0, target] for sign in (1, -1))
        weights[place // 64] += (up - down).detach() / (2 * step) / 64
    heat = (weights[:, None, None] * images[0]).sum(0).relu()
    torch.testing.assert_close(grad_cam(network, images, target)[0], heat / heat.max(), rtol=1e-5, atol=1e-6)


def test_a_coarse_map_is_resampled_to_the_image():
    images = torch.zeros(1, 3, 8, 12)
    images[:, 0, :4, :6] = 1.0
    heat = grad_cam(Stack(nn.AvgPool2d((4, 6))), images, 0)
    assert heat.shape == (1, 8, 12)
    assert heat[0, 0, 0] == 1.0
    assert heat[0, 7, 11] == 0.0


def test_what_nothing_speaks_for_is_black():
    assert not grad_cam(Stack(nn.Identity()), -signed().abs(), 0).any()


def test_random_weights_change_the_map():
    """The sanity check of Adebayo et al. 2018, arXiv:1810.03292."""
    torch.manual_seed(0)
    images = signed(4, 32)
    heats = [grad_cam(create_model("resnet_nano", num_classes=3), images, 0).flatten() for _ in range(2)]
    assert float(torch.corrcoef(torch.stack(heats))[0, 1]) < 0.9


def test_of_stages_too_coarse_to_tell_places_apart_the_one_before_is_taken():
    images = signed(2, 16)
    network = Stack(nn.AvgPool2d(2), nn.AvgPool2d(4))
    torch.testing.assert_close(grad_cam(network, images, 1), grad_cam(Stack(nn.AvgPool2d(2)), images, 1))


class Elsewhere(nn.Module):
    """What somebody else's network may be: blocks of its own, tokens or maps, no layer of ours."""

    def __init__(self, *blocks: nn.Module, tokens: bool) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.tokens = tokens

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(x.flatten(2).mT if self.tokens else x)
        return x.sum(1 if self.tokens else (2, 3))


class Mix(nn.Module):
    """A block that passes on what it is given."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layer(x)


@pytest.mark.parametrize("tokens", [False, True])
def test_any_network_is_explained_by_its_blocks(tokens):
    layers = [nn.Linear(3, 3) if tokens else nn.Conv2d(3, 3, 1) for _ in range(2)]
    images = signed()
    network = Elsewhere(*map(Mix, layers), tokens=tokens)
    torch.testing.assert_close(grad_cam(network, images, 1), rectified(images, 1))


def test_a_block_that_no_gradient_reaches_is_passed_over():
    class Fixed(Mix):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 0 * super().forward(torch.ones(len(x), 3, 8, 8)).detach()

    class Beside(Mix):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).detach()

    layers = [nn.Conv2d(3, 3, 1).requires_grad_(False) for _ in range(4)]
    images = signed()
    network = Elsewhere(Fixed(layers[0]), Fixed(layers[1]), Mix(layers[2]), Mix(layers[3]), tokens=False)
    torch.testing.assert_close(grad_cam(network, images, 2), rectified(images, 2))
    closed = Elsewhere(Beside(layers[0]), Beside(layers[1]), tokens=False)
    message = r"^Grad-CAM needs gradients, and this network answers without any. Choose occlusion.$"
    with pytest.raises(RequestError, match=message):
        grad_cam(closed, images, 2)


@pytest.mark.parametrize("name", [n for n in NANO if require_model(n).architecture.kind is not Kind.MLP])
def test_every_family_can_be_explained(name):
    torch.manual_seed(0)
    config = ClassifierConfig(model=name, classes=("a", "b", "c"), image_size=32, mean=(0.5,) * 3, std=(0.2,) * 3)
    network = ImageClassifier(config).requires_grad_(False)
    heat = torch.stack([grad_cam(network, torch.rand(2, 3, 32, 32), target) for target in range(3)])
    assert heat.shape == (3, 2, 32, 32)
    assert float(heat.min()) >= 0.0
    assert float(heat.max()) == 1.0


def test_the_network_is_left_as_it_was():
    stage = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Dropout())
    network = Stack(stage).train()
    stage[1].eval()
    network(signed()).sum().backward()
    before = fingerprint(network)
    with torch.no_grad():
        grad_cam(network, signed(), 0)
    assert fingerprint(network) == before


def test_recomputed_stages_give_the_same_map():
    network = Stack(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh())
    plain = grad_cam(network, signed(), 1)
    network.set_grad_checkpointing()
    torch.testing.assert_close(grad_cam(network, signed(), 1), plain)


@pytest.mark.parametrize(
    ("network", "target", "message"),
    [
        (Stack(nn.Identity()), 3, r"^This network has 3 classes: got target 3. Choose from 0 to 2.$"),
        (Stack(nn.Identity()), -1, r"^This network has 3 classes: got target -1. Choose from 0 to 2.$"),
        (nn.Flatten(), 0, NO_PLACES),
        (create_model("mlp_nano", num_classes=3), 0, NO_PLACES),
    ],
)
def test_what_cannot_be_explained(network, target, message):
    with pytest.raises(RequestError, match=message):
        grad_cam(network, signed(), target)
