import numpy as np
import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.evaluation.metrics import accuracy
from anmok.probes import Status, Subject
from anmok.probes.informative import uninformative
from anmok.probes.resolution import PROBE, AspectCurve, ResolutionCurve
from anmok.probes.run import ask
from small_backbones import fingerprint

NATIVE = 32


def subject(network: nn.Module, *, n: int = 60, known: bool = True) -> Subject:
    """Images of two classes by their brightness, dark and bright in turns."""
    bright = torch.arange(n) % 2
    pixels = (bright * 200 + 20).to(torch.uint8)[:, None, None, None].expand(n, 3, NATIVE, NATIVE).contiguous()
    return Subject(name="it", network=network, pixels=pixels, labels=bright if known else None, source="two greys")


def asked(network: nn.Module, **settings) -> list:
    rows = ask(PROBE, subject(network, **settings))
    assert [(row.metric, row.definition, row.unit) for row in rows] == [tuple(metric) for metric in PROBE.metrics]
    return list(rows)


class Judge(nn.Module):
    """Knows bright from dark at the sizes that it is given; elsewhere it says dark."""

    def __init__(self, *sizes: tuple[int, int], most: int = 10**6) -> None:
        super().__init__()
        self.sizes, self.most = sizes, most

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        size = (images.shape[2], images.shape[3])
        if max(size) > self.most:
            raise ValueError("too large")
        level = images.mean((1, 2, 3)) - 0.5
        level = level if not self.sizes or size in self.sizes else -level.abs()
        return torch.stack((-level, level), dim=1)


class Blurry(nn.Module):
    """Right at the native size for three quarters of the images, by their place in the batch, and for all at 40 px."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        level = images.mean((1, 2, 3)) - 0.5
        wrong = (torch.arange(len(images)) % 4 == 3) & (images.shape[2] != 40)
        level = torch.where(wrong, -level, level)
        return torch.stack((-level, level), dim=1)


def test_a_judge_of_colour_does_not_care():
    best, native, loss = asked(Judge())
    assert (best.value, best.low, best.high) == (1, 1, 1)
    expected = accuracy(np.ones(60, dtype=bool))
    assert (native.value, native.low, native.high, native.n) == (1, expected.low, expected.high, 60)
    assert (loss.value, loss.low, loss.high) == (0, 0, 0)
    assert isinstance(best, ResolutionCurve)
    assert list(best.accuracies) == [0.5, 0.75, 1.0, 1.25, 1.5, 2.0]
    assert isinstance(loss, AspectCurve)
    assert list(loss.accuracies) == ["native", "1:2", "2:3", "3:2", "2:1"]


def test_the_size_that_is_best_is_found():
    best, native, _ = asked(Blurry())
    assert (best.value, best.low, best.high) == (1.25, 1.25, 1.25)
    assert native.value == pytest.approx(0.75, abs=0.02)
    assert best.accuracies[1.25].value == 1


def test_what_only_knows_its_own_size_loses_half_elsewhere():
    best, _, loss = asked(Judge((NATIVE, NATIVE)))
    assert best.value == 1
    assert loss.value == pytest.approx(50)
    assert loss.low < 50 < loss.high
    assert best.accuracies[2.0].value == 0.5


def test_one_of_two_proportions_counts_half():
    assert asked(Judge((NATIVE, NATIVE), (24, 44)))[2].value == pytest.approx(25)


def test_a_network_of_one_size():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * NATIVE**2, 2))
    nn.init.constant_(network[1].weight, 0)
    network[1].weight.data[1] = 1
    nn.init.constant_(network[1].bias, 0)
    network[1].bias.data[0] = 1500.0
    best, native, loss = asked(network)
    assert native.value == 1
    assert best.note.startswith("no other size is taken: at 16 x 16, RuntimeError: mat1 and mat2")
    assert loss.note.startswith("1:2 is not taken: RuntimeError: mat1 and mat2")


def test_sizes_that_are_refused_are_left_out():
    best, _, loss = asked(Judge(most=40))
    assert list(best.accuracies) == [0.5, 0.75, 1.0, 1.25]
    assert loss.note == "1:2 is not taken: ValueError: too large"


def test_without_labels():
    notes = {row.note for row in asked(Judge(), known=False)}
    assert len(notes) == 1
    assert "classes" in notes.pop()


def test_a_classifier_no_better_than_chance_says_nothing_but_its_accuracy():
    best, native, loss = asked(Judge((1, 1)))
    assert native.value == 0.5
    assert {best.status, loss.status} == {Status.NOT_APPLICABLE}
    message = "50.0 % of the intact images are answered right, which is not above the 50.0 % of always naming"
    assert best.note.startswith(message)


def test_the_rule_needs_the_interval_above_the_most_frequent_class():
    labels = torch.tensor([0] * 60 + [1] * 40)
    assert uninformative(np.arange(100) < 65, labels).startswith("65.0 %")  # Wilson: from 55 %
    assert uninformative(np.arange(100) < 75, labels) == ""  # from 65.7 %


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "cmt_nano"])
def test_every_kind_can_be_asked(name):
    rows = asked(create_model(name, num_classes=2), n=8)
    assert rows[1].status is Status.OK


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten()).train()
    one = subject(network)
    before = fingerprint(network)
    ask(PROBE, one)
    assert fingerprint(network) == before
