"""What every preset promises, or one real preset of each family where all would take too long.

ANMOK_TEST_ALL=1 also builds the presets that take seconds or gigabytes.
"""

import os

import pytest
import torch
from torch.nn.functional import cross_entropy

from anmok.catalogue import create_model, list_models, require_model
from anmok.catalogue.published import read_published
from anmok.errors import ImageSizeError

ROWS = read_published()
SIDE = 64  # pixels, at most


def reduced_side(name):
    spec = require_model(name).spec
    return spec.image_sizes.nearest(min(SIDE, *spec.img_size))


def is_light(name):
    row, (height, width) = ROWS.get(name), require_model(name).spec.img_size
    return row is None or (row["params"] < 30e6 and row["macs"] * reduced_side(name) ** 2 / (height * width) < 2)


FRESH = [name for name in list_models() if is_light(name) or os.environ.get("ANMOK_TEST_ALL")]
PUBLISHED = sorted((name for name in list_models() if name in ROWS), key=lambda name: -ROWS[name]["params"])
REAL = sorted({require_model(name).family: name for name in PUBLISHED}.values())  # the smallest of each family


@pytest.mark.parametrize("name", FRESH)
def test_a_fresh_model_answers_and_learns_at_a_sane_scale(name):
    torch.manual_seed(0)
    model = create_model(name, num_classes=10).eval()
    side = reduced_side(name)
    logits = model(torch.randn(4, 3, side, side))
    assert 0.01 < logits.std() < 3
    cross_entropy(logits, torch.arange(4)).backward()
    gradients = [p.grad.norm() for p in model.parameters() if p.grad is not None]
    assert 0.1 < torch.stack(gradients).norm() < 2000  # the hybrids, with standardised weights, reach 1,400


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("size", [(224, 224), (256, 192), (161, 97), None])
def test_any_size_is_taken_or_refused_with_the_nearest_that_is(name, size):
    spec = require_model(name).spec
    size = size or (2 * spec.img_size[0], 2 * spec.img_size[1])
    nearest = tuple(spec.image_sizes.nearest(side) for side in size)
    if nearest != size:
        with pytest.raises(ImageSizeError, match=f"The nearest size that works is {nearest[0]} x {nearest[1]}"):
            spec.check_size(*size)
    with torch.device("meta"):
        assert create_model(name).eval()(torch.empty(2, 3, *nearest)).shape == (2, 1000)


@pytest.mark.parametrize("name", list_models())
def test_feature_maps_have_the_declared_channels_and_strides(name):
    spec = require_model(name).spec
    with torch.device("meta"):
        model = create_model(name).eval()
        maps = model.feature_maps(torch.empty(1, 3, *spec.img_size))
        shapes = [(map.shape[1], *map.shape[2:]) for map in maps]
    assert [width for width, _, _ in shapes] == [shape.width for shape in spec.feature_shapes]
    for (_, *sides), (_, stride) in zip(shapes, spec.feature_shapes, strict=True):
        for rows, side in zip(sides, spec.img_size, strict=True):
            assert 0.8 * side / stride - 1 < rows <= -(-side // stride)  # convolutions without padding lose a border
