import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import array, picture
from PIL import Image, ImageEnhance

from anmok.data.duplicates import REACH, components, exact_groups, near_pairs, thumbnail

EDITS = {
    "saved as JPEG": lambda image: resaved(image, 80),
    "made smaller": lambda image: image.resize((40, 34), Image.Resampling.BICUBIC),
    "made larger": lambda image: image.resize((77, 64), Image.Resampling.BICUBIC),
    "brightened": lambda image: image.point(lambda level: level + 30),
    "darkened": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.1),
}


def resaved(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def distance(first: Image.Image, second: Image.Image) -> float:
    return float(np.linalg.norm(thumbnail(np.asarray(first)) - thumbnail(np.asarray(second))))


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_image_stays_within_reach(edit: str) -> None:
    for seed in range(10):
        assert distance(picture(seed), EDITS[edit](picture(seed))) < REACH


def test_other_images_and_mirrored_ones_are_out_of_reach() -> None:
    images = [picture(seed) for seed in range(10)]
    images += [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in images]
    apart = [distance(a, b) for number, a in enumerate(images) for b in images[:number]]
    assert min(apart) > 5 * REACH


def test_the_same_shape_in_another_colour_is_another_image() -> None:
    red, blue = (Image.new("RGB", (32, 32), "white") for _ in range(2))
    red.paste((200, 30, 30), (8, 8, 24, 24))
    blue.paste((30, 30, 200), (8, 8, 24, 24))
    assert distance(red, blue) > 5 * REACH


def test_flat_images_are_compared_with_nothing() -> None:
    noise = np.random.default_rng(0).integers(99, 102, (2, 32, 32, 3), dtype=np.uint8)
    thumbnails = np.stack([thumbnail(image) for image in noise])
    assert not thumbnails.any()
    assert near_pairs(thumbnails, np.array([0, 0])).tolist() == []


def test_near_pairs_finds_what_comparing_all_with_all_finds() -> None:
    random = np.random.default_rng(0)
    centres = random.normal(size=(300, 20))
    close = centres[:120] + random.normal(size=(120, 20)) * random.uniform(0, 0.2, (120, 1))
    points = np.concatenate([centres, close]).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    labels = random.integers(0, 3, len(points))
    first, second = np.triu_indices(len(points), 1)
    apart = np.linalg.norm(points[first] - points[second], axis=1)
    expected = {(i, j) for i, j in zip(first[apart <= 0.1], second[apart <= 0.1], strict=True)}
    found = near_pairs(points, labels)
    assert len(found) == len(expected) > 20
    assert {tuple(pair) for pair in found.tolist()} == expected


def test_a_class_of_lookalikes_is_judged_by_its_own_measure() -> None:
    """The same product on the same fixture: all within reach of one another, and only one is there twice."""
    fixture = array(0, 64, 64).astype(float)
    random = np.random.default_rng(0)
    small = random.normal(0, 3, (40, 8, 8, 3)).repeat(8, axis=1).repeat(8, axis=2)
    images = (fixture + small).clip(0, 255).astype(np.uint8)
    images[7] = images[23] + 9
    thumbnails = np.stack([thumbnail(image) for image in images])
    assert np.median(np.linalg.norm(thumbnails - thumbnails[0], axis=1)) < REACH
    assert near_pairs(thumbnails, np.zeros(40, dtype=np.int64)).tolist() == [[7, 23]]


def test_exact_groups_leave_out_what_is_single() -> None:
    assert exact_groups([4, 5, 6, 7, 8], ["a", "b", "a", "c", "b"]) == [[4, 6], [5, 8]]


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=4), max_size=12))
def test_components_are_the_finest_partition_that_respects_the_links(links: list[list[int]]) -> None:
    parts = components(links)
    members = [node for part in parts for node in part]
    assert sorted(members) == sorted({node for link in links for node in link})
    assert parts == sorted(parts)
    for link in links:
        assert sum(not set(part).isdisjoint(link) for part in parts) == 1
    reach = {node: {node} for node in members}
    for _ in members:
        for link in links:
            for node in members:
                if not reach[node].isdisjoint(link):
                    reach[node] |= set(link)
    assert all(reach[part[0]] == set(part) for part in parts)
