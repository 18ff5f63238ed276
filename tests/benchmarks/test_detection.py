"""The detector of benchmarks/tasks, whose backbone is Anmok's."""

import sys
from itertools import repeat
from pathlib import Path

import pytest
import torch
from torch.nn.functional import pad

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "tasks"))
import detection
from average_precision import Detections, average_precision, mean_average_precision, overlap, suppress
from fcos import NOTHING, assign, centreness, focal, shared
from scenes import draw_scenes

sys.path.pop(0)


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


def test_overlap_is_the_shared_area_in_that_of_both():
    found = overlap(boxes((0, 0, 4, 4), (8, 8, 9, 9)), boxes((0, 0, 4, 4), (2, 2, 6, 6), (4, 0, 8, 4)))
    torch.testing.assert_close(found, torch.tensor([[1, 4 / 28, 0], [0, 0, 0]]))


def test_of_boxes_alike_the_best_stays():
    alike = boxes((0, 0, 10, 10), (0, 0, 10, 9), (20, 0, 30, 10), (0, 0, 10, 8))
    assert suppress(alike, torch.tensor([0.5, 0.9, 0.7, 0.8]), 0.85).tolist() == [1, 2]
    assert suppress(alike, torch.tensor([0.5, 0.9, 0.7, 0.8]), 0.89).tolist() == [1, 3, 2]
    assert suppress(boxes(), torch.zeros(0), 0.5).tolist() == []


@pytest.mark.parametrize(
    ("hits", "objects", "expected"),
    [
        ([1, 1], 2, 1.0),
        ([1, 0, 1], 3, (34 + 33 * 2 / 3) / 101),  # recalls 0 to 0.33 at precision 1, 0.34 to 0.66 at 2/3
        ([0, 1], 1, 1 / 2),
        ([0, 0], 4, 0.0),
        ([], 4, 0.0),
    ],
)
def test_average_precision_is_that_written_down_by_hand(hits, objects, expected):
    scores = torch.linspace(0.9, 0.1, len(hits))
    order = torch.randperm(len(hits))
    found = average_precision(scores[order], torch.tensor(hits, dtype=torch.bool)[order], objects)
    assert found == pytest.approx(expected)


def test_each_object_is_found_once_and_by_its_own_class():
    truth = boxes((0, 0, 10, 10), (20, 20, 30, 30))
    labels = torch.tensor([0, 1])

    def score(rows, scores, classes):
        found = Detections(boxes(*rows), torch.tensor(scores), torch.tensor(classes))
        return mean_average_precision([found], [truth], [labels])

    assert score([(0, 0, 10, 9), (20, 20, 30, 29)], [0.9, 0.8], [0, 1]) == 1
    assert score([(0, 0, 10, 9), (20, 20, 30, 29)], [0.9, 0.8], [1, 0]) == 0
    assert score([(0, 0, 10, 4), (20, 20, 30, 29)], [0.9, 0.8], [0, 1]) == 0.5  # too small a box
    assert score([(0, 0, 10, 9), (0, 0, 10, 10), (20, 20, 30, 29)], [0.9, 0.8, 0.7], [0, 0, 1]) == 1
    assert score([(0, 0, 10, 10), (5, 0, 15, 10), (20, 20, 30, 29)], [0.6, 0.8, 0.7], [0, 0, 1]) == 0.75


def test_a_place_speaks_for_the_smallest_object_of_its_maps_size():
    middles = torch.tensor([[2.0, 2.0], [20.0, 20.0], [20.0, 20.0]])
    strides = torch.tensor([4.0, 4.0, 8.0])
    large, small = (0, 0, 40, 40), (15, 16, 24, 25)
    labels, sides = assign(middles, strides, boxes(large, small), torch.tensor([2, 1]))
    assert labels.tolist() == [NOTHING, 1, 2]  # all that is large belongs to the coarsest map
    assert sides[1:].tolist() == [[5, 4, 4, 5], [20, 20, 20, 20]]
    labels, _ = assign(middles, strides, boxes(), torch.zeros(0, dtype=torch.long))
    assert labels.tolist() == [NOTHING] * 3


def test_the_parts_of_the_loss_are_those_of_their_equations():
    sides = torch.tensor([[5.0, 5, 5, 5], [1, 4, 4, 1]])
    torch.testing.assert_close(centreness(sides), torch.tensor([1.0, 0.25]))
    torch.testing.assert_close(shared(sides, sides.flip(0)), torch.tensor([25 / 100, 25 / 100]))
    found = focal(torch.zeros(2), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(found, torch.tensor([0.25, 0.75]) * 0.25 * torch.log(torch.tensor(2.0)))


def test_scenes_are_the_same_for_the_same_seed_and_hold_what_they_say():
    scenes, again, others = (draw_scenes(20, 64, seed) for seed in (1, 1, 2))
    assert torch.equal(scenes.images, again.images)
    assert not torch.equal(scenes.images, others.images)
    assert scenes.images.shape == (20, 3, 64, 64)
    assert set(torch.cat(scenes.labels).tolist()) == {0, 1, 2}
    every = torch.cat(scenes.boxes)
    assert (every[:, :2] >= 0).all()
    assert (every[:, 2:] <= 64).all()
    assert ((every[:, 2:] - every[:, :2]) >= 8).all()


@pytest.mark.parametrize(
    ("name", "least", "most"), [("resnet_nano", 0.7, 1), ("vit_nano", 0.7, 1), ("mlp_nano", 0, 0.15)]
)
def test_what_a_detector_learns_at_some_places_it_knows_at_others(name, least, most):
    # Four images by heart, then moved by 16 pixels: only a network that sees no places is lost.
    scenes = draw_scenes(4, 48, seed=0)
    detector = detection.build(name, width=16)
    assert detection.score(detector, scenes) < 0.1
    losses = detection.train(detector, repeat(scenes), 30)
    assert losses[-1] < 0.5 * losses[0]
    assert detection.score(detector, scenes) > 0.8
    moved = scenes._replace(
        images=pad(scenes.images, (16, 0, 16, 0), mode="replicate"), boxes=[boxes + 16 for boxes in scenes.boxes]
    )
    assert least <= detection.score(detector, moved) <= most
