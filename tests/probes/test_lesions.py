import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from anmok.capture.watching import watching
from anmok.catalogue import create_model
from anmok.probes import Normalised, Status, Subject, pink_noise
from anmok.probes.answers import right_answers
from anmok.probes.lesions import PROBE, lesions
from small_backbones import fingerprint


class Scale(nn.Module):
    """x -> factor * x, though it looks like a block with weights."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.inner = nn.Linear(1, 1)
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


class WithWeights(Scale):
    """Answers as some Transformers do, and writes into its input before."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, str]:
        return x.mul_(self.factor), "weights"


class First(nn.Module):
    def forward(self, x: tuple[torch.Tensor, str]) -> torch.Tensor:
        return x[0].clone()


class Sign(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack((-x.mean((1, 2, 3)), x.mean((1, 2, 3))), 1)


class Centre(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - 0.5


def subject(*blocks: nn.Module, labels: torch.Tensor | None = None, n: int = 40) -> Subject:
    """Dark and bright images, and what the network says of them."""
    bright = torch.arange(n) % 2
    pixels = (60 + 120 * bright)[:, None, None, None].expand(n, 3, 4, 4).to(torch.uint8)
    network = nn.Sequential(Centre(), *blocks, Sign())
    if labels is None:
        with torch.no_grad():
            labels = network(pixels.float() / 255).argmax(1)
    return Subject(name="toy", network=network, pixels=pixels, labels=labels, source="grey", trained=True)


def test_the_block_that_alone_decides_costs_all():
    median, worst = lesions(subject(Scale(2.0), Scale(-1.0), Scale(1.0)))
    assert {name: rise.value for name, rise in median.rises.items()} == {"1": 0, "2": 100, "3": 0}
    assert (worst.value, worst.low, worst.high, worst.n) == (100, 100, 100, 40)
    assert worst.note == "without 2"
    assert (median.value, median.low, median.high, median.note) == (0, 0, 0, "over 3 blocks")


def test_identity_blocks_are_the_null():
    median, worst = lesions(subject(Scale(1.0), Scale(1.0)))
    assert (median.value, worst.value) == (0, 0)


def test_blocks_that_answer_with_more_than_a_tensor_and_write_into_their_input():
    median, _ = lesions(subject(WithWeights(3.0), First(), WithWeights(-1.0), First()))
    assert [rise.value for rise in median.rises.values()] == [0, 100]


class FlipStrong(Scale):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x.abs() > self.factor, -x, x)


def test_a_block_that_decides_for_half_of_the_images():
    levels = torch.tensor([50, 100, 155, 205], dtype=torch.uint8).repeat(20)
    pixels = levels[:, None, None, None].expand(80, 3, 4, 4)
    network = nn.Sequential(Centre(), FlipStrong(0.2), FlipStrong(9.0), Sign())
    labels = torch.tensor([1, 0, 1, 0]).repeat(20)
    median, worst = lesions(Subject(name="toy", network=network, pixels=pixels, labels=labels, source="grey"))
    assert (worst.value, worst.n, worst.note) == (50, 80, "without 1")
    assert (worst.low, worst.high) == pytest.approx((39, 61), abs=3)  # 1.96 standard errors are 11 points
    assert median.value == 25  # between a block that costs 50 and one that costs nothing


def test_labels_that_are_noise():
    labels = torch.arange(40) // 2 % 2
    for result in lesions(subject(Scale(1.0), Scale(1.0), labels=labels)):
        assert result.status is Status.NOT_APPLICABLE
        assert result.note.startswith("50.0 % of the intact images are answered right, which is not above the 50.0 %")


def test_a_network_in_which_no_block_keeps_its_shape():
    given = subject()
    network = nn.Sequential(Centre(), nn.Conv2d(3, 5, 2), nn.Conv2d(5, 1, 2), Sign())
    nn.init.ones_(network[1].weight)
    nn.init.ones_(network[2].weight)
    nn.init.zeros_(network[1].bias)
    nn.init.zeros_(network[2].bias)
    toy = Subject(name="toy", network=network, pixels=given.pixels, labels=given.labels, source="grey")
    for result in lesions(toy):
        assert result.note == "no block gives the shape that it takes, so none can be left out"


def test_without_classes():
    toy = Subject(name="toy", network=nn.Sequential(Sign()), pixels=pink_noise(2, 3, 4, 4), source="noise")
    for result in lesions(toy):
        assert result.note == "it needs the classes of the images, and none were given"


@pytest.mark.parametrize(("network", "shape"), [(Centre(), r"(1, 3, 4, 4)"), (Sign(), r"(1, 2)")])
def test_answers_that_are_no_logits_of_the_classes(network, shape):
    labels = torch.tensor([0, 2])
    toy = Subject(name="toy", network=network, pixels=pink_noise(2, 3, 4, 4), labels=labels, source="noise")
    note = f"it needs a logit for each of the classes 0 to 2, and one image is answered with the shape {shape}"
    assert [r.note for r in lesions(toy)] == [note, note]


def test_the_network_is_left_as_it_was():
    toy = subject(Scale(2.0), nn.BatchNorm2d(3), nn.Dropout(), Scale(-1.0))
    toy.network.train()
    before = fingerprint(toy.network)
    lesions(toy)
    assert fingerprint(toy.network) == before
    assert not any(module._forward_pre_hooks for module in toy.network.modules())


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "swin_nano", "cmt_nano", "mlp_nano"])
def test_every_kind_of_network_has_its_rows(name):
    """Classes as the network sees them, so that all of its answers are right."""
    network = create_model(name, num_classes=3).eval()
    height, width = network.spec.img_size
    pixels = pink_noise(24, 3, height, width)
    with torch.no_grad():
        logits = network(pixels.float() / 255)
        network.get_classifier().bias.sub_(logits.median(0).values)
        labels = network(pixels.float() / 255).argmax(1)
    toy = Subject(name=name, network=network, pixels=pixels, labels=labels, source="noise", trained=True)
    results = PROBE.measure(toy)
    assert [r.metric for r in results] == [m.name for m in PROBE.metrics]
    for result in results:
        assert result.status is Status.OK
        assert 0 <= result.value <= 100


SHARED = Path(__file__).parents[3] / "shared" / "data"


def cifar(depth: int, count: int) -> Subject:
    """Test images that the public weights have not seen."""
    pack, weights = SHARED / "cifar10_png" / "cifar10_png.npz", f"cifar10_resnet{depth}_akamaster_fp32.safetensors"
    if not pack.exists() or not (SHARED / "weights" / weights).exists():
        pytest.skip("the CIFAR-10 images or weights are not here")
    stored = np.load(pack)
    test = np.flatnonzero(stored["split"] == 1)
    chosen = test[:: len(test) // count][:count]
    files = [stored["data"][stored["offset"][i] : stored["offset"][i + 1]].tobytes() for i in chosen]
    images = np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])
    network = create_model(f"cifar_resnet{depth}", num_classes=10, pretrained=SHARED / "weights" / weights)
    return Subject(
        name=f"cifar_resnet{depth}",
        network=Normalised(network, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).eval(),
        pixels=torch.from_numpy(images).permute(0, 3, 1, 2),
        labels=torch.from_numpy(stored["label"][chosen].astype(np.int64)),
        source="CIFAR-10",
        trained=True,
    )


def test_deep_residual_networks_hardly_miss_a_block_and_shallow_ones_do_most_where_the_map_is_halved():
    """Veit et al. 2016, sec. 4.1, on public weights; of blocks that halve the map the branch alone can be left out."""
    given = cifar(20, 80)
    (shallow, worst), (deep, _) = lesions(given), lesions(cifar(56, 24))
    assert shallow.value > 8
    assert deep.value < shallow.value / 2
    assert (len(shallow.rises), len(deep.rises)) == (7, 25)
    for stage in given.network.network.stages[1:]:
        with watching({"": stage[0].branch}, lambda _, __, output: torch.zeros_like(output)):
            without = right_answers(given, 80)
        assert 100 * (right_answers(given, 80).mean() - without.mean()) > worst.value
