import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anmok.catalogue import create_model
from anmok.evaluation.metrics import wilson
from anmok.probes import Status, Subject
from anmok.probes.resizing import attempt_near, of_aspect, resized, scaled
from anmok.probes.run import ask
from anmok.probes.sizes import PROBE, SizeAgreement, Taken
from small_backbones import fingerprint


def subject(network: nn.Module, *, trained: bool = True, size: tuple[int, int] = (32, 32)) -> Subject:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (20, 3, *size), generator=generator, dtype=torch.uint8)
    return Subject(name="it", network=network, pixels=pixels, source="noise", trained=trained)


def asked(network: nn.Module, **settings) -> list:
    rows = ask(PROBE, subject(network, **settings))
    assert [(row.metric, row.definition, row.unit) for row in rows] == [tuple(metric) for metric in PROBE.metrics]
    return list(rows)


class Brightest(nn.Module):
    """Names the channel of the largest mean, which no resizing by averages changes much."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))


class Picky(nn.Module):
    """Takes sides that divide by some number and lie in a range; names the channel of the largest mean."""

    def __init__(self, multiple: int = 1, most: int = 10**6) -> None:
        super().__init__()
        self.multiple, self.most = multiple, most

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if any(side % self.multiple or side > self.most for side in images.shape[2:]):
            raise ValueError("not this size\nbut another")
        return images.mean((2, 3))


class WidthAsClass(nn.Module):
    """Names class 1 at 32 pixels, else class 0."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tensor([[0.5, float(images.shape[3] == 32)]]).expand(len(images), 2)


def test_a_mean_of_all_pixels_takes_everything_and_agrees():
    taken, aspects, agreement = asked(Brightest())
    assert (taken.value, aspects.value) == (1, 1)
    assert taken.outcomes == {f"{s} x {s}": f"taken at {s} x {s}" for s in (16, 24, 40, 64)}
    assert list(aspects.outcomes) == ["1:2", "2:3", "3:2", "2:1"]
    assert aspects.outcomes["1:2"] == "taken at 44 x 24"
    assert isinstance(agreement, SizeAgreement)
    assert agreement.value >= 0.95


def test_an_answer_that_follows_the_size_never_agrees():
    agreement = asked(WidthAsClass())[2]
    expected = wilson(0.0, 20)
    assert (agreement.value, agreement.low, agreement.high, agreement.n) == (0, expected.low, expected.high, 20)
    assert {share.value for share in agreement.agreements.values()} == {0.0}


def test_what_asks_for_whole_patches_is_tried_again_near_by():
    taken, aspects, agreement = asked(Picky(16))
    assert taken.value == 0.5
    assert taken.outcomes == {
        "16 x 16": "taken at 16 x 16",
        "24 x 24": "ValueError: not this size",  # 32 x 32, the nearest that is taken, is the native size
        "40 x 40": "ValueError: not this size; 48 x 48 is taken",
        "64 x 64": "taken at 64 x 64",
    }
    assert aspects.outcomes["2:1"] == "ValueError: not this size"  # 16 x 48 would be 3:1
    assert asked(Picky(16), size=(64, 64))[1].outcomes["2:1"] == "taken at 48 x 96"
    assert list(agreement.agreements) == ["16 x 16", "48 x 48", "64 x 64"]
    assert agreement.note == "16 x 16; 48 x 48; 64 x 64"


def test_patches_of_fourteen_pixels():
    taken, aspects, _ = asked(Picky(14), size=(56, 56))
    assert taken.outcomes["42 x 42"] == "taken at 42 x 42"
    assert aspects.value == 1


def test_a_network_of_one_size():
    taken, aspects, agreement = asked(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 5)))
    assert (taken.value, aspects.value, taken.n) == (0, 0, 4)
    assert all(outcome.startswith("RuntimeError: mat1 and mat2") for outcome in taken.outcomes.values())
    assert (taken.low, taken.high) == (None, None)
    assert agreement.note.startswith("no other size is taken: at ")


@pytest.mark.parametrize(
    ("network", "trained", "note"),
    [
        (Brightest(), False, "the weights are random, and so are the answers"),
        (nn.Conv2d(3, 3, 1), True, "the network does not answer with a row of logits for each image"),
        (nn.Flatten(), True, "the number of logits follows the size"),
    ],
)
def test_when_agreement_makes_no_sense(network, trained, note):
    taken, _, agreement = asked(network, trained=trained)
    assert (agreement.status, agreement.note) == (Status.NOT_APPLICABLE, note)
    assert isinstance(taken, Taken)
    assert taken.value == 1


@pytest.mark.parametrize(("name", "share"), [("resnet_nano", 1), ("vit_nano", 1), ("vit_hybrid_nano", 1)])
def test_every_kind_can_be_asked(name, share):
    taken, aspects, agreement = asked(create_model(name, num_classes=3))
    assert (taken.value, aspects.value) == (share, share)
    assert agreement.status is Status.OK


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).train()
    one = subject(network)
    before = fingerprint(network)
    ask(PROBE, one)
    assert fingerprint(network) == before


@given(st.integers(7, 300), st.integers(7, 300), st.sampled_from([0.5, 2 / 3, 1.5, 2.0]))
def test_proportions_keep_the_number_of_pixels(height, width, aspect):
    rows, columns = of_aspect((height, width), aspect)
    assert abs(rows - (height * width / aspect) ** 0.5) <= 0.5
    assert abs(columns - (height * width * aspect) ** 0.5) <= 0.5


def test_resizing_keeps_a_ramp_and_its_own_size():
    ramp = torch.linspace(0, 1, 33).expand(1, 3, 33, 33)
    assert resized(ramp, (33, 33)) is ramp
    smaller = resized(ramp, (11, 11))
    torch.testing.assert_close(smaller[0, 0, :, 1:-1], ramp[0, 0, ::3, 1::3][:, 1:-1])
    assert resized(ramp, (5, 1)).shape == (1, 3, 5, 1)


def test_sizes_are_rounded_to_what_networks_like_and_never_vanish():
    image = torch.zeros(1, 3, 224, 224)
    assert scaled((224, 224), 0.75) == (168, 168)
    assert attempt_near(Brightest(), image, (168, 168)).size == (160, 160)
    assert attempt_near(Picky(14), image, (168, 168)).size == (168, 168)
    assert attempt_near(Picky(1, 100), image, (168, 160)).refusal == "ValueError: not this size"
    assert attempt_near(Brightest(), torch.zeros(1, 3, 1, 1), (1, 1)).size == (2, 2)
