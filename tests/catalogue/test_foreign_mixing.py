import pytest
import torch
from torch import nn

from anmok.backbone import Kind
from anmok.catalogue import create_model, require_model
from anmok.catalogue.mixing import measure_kind
from presets import NANO


class Attends(nn.Module):
    """Patches, PyTorch's own attention, and a convolution before or after it."""

    def __init__(self, *, kernel: int, after: bool = False) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, kernel, stride=4, padding=(kernel - 4) // 2)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mix = nn.Conv1d(8, 8, 3, padding=1) if not after else nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.after = after

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.stem(images).flatten(2).transpose(1, 2)
        tokens = self.attention(tokens, tokens, tokens, need_weights=False)[0].transpose(1, 2)
        return (self.mix(tokens.unflatten(2, (8, 8))).flatten(2) if self.after else self.mix(tokens)).mean(2)


class MixesTokens(nn.Module):
    """A Mixer's product over places: its weights are parameters, whatever operator it ends in."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.places = nn.Conv2d(3, 8, 4, stride=4), nn.Parameter(torch.randn(64, 64))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.stem(images).flatten(2)
        return torch.bmm(tokens, self.places.softmax(1).expand(len(tokens), 64, 64)).mean(2)


@pytest.mark.parametrize("name", NANO)
def test_every_family_of_the_zoo_is_of_the_kind_that_it_says(name):
    model = create_model(name, num_classes=3).eval()
    assert measure_kind(model, torch.zeros(2, 3, *model.spec.img_size)) is require_model(name).architecture.kind


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        (Attends(kernel=4), Kind.TRANSFORMER),
        (Attends(kernel=8), Kind.TRANSFORMER),  # patches that overlap are patches
        (Attends(kernel=4, after=True), Kind.HYBRID),
        (MixesTokens(), Kind.MLP),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4)), Kind.MLP),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), Kind.CNN),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_attention_is_what_the_images_weigh_and_convolution_what_overlaps(network, kind, training):
    assert measure_kind(network.train(training), torch.zeros(2, 3, 32, 32)) is kind
