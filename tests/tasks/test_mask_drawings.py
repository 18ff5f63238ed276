from io import BytesIO

import numpy as np
from PIL import Image

from anmok.data.mask_files import IGNORED
from anmok.tasks.mask_drawings import PREDICTED, SIDE, TRUE, WRONG, contours, draw_masks


def test_contours_are_where_the_next_pixel_is_of_another_class() -> None:
    mask = np.zeros((4, 5), dtype=np.uint8)
    mask[1:3, 2:4] = 3
    expected = ["..**.", ".*.*.", ".***.", "....."]
    assert ["".join(".*"[int(found)] for found in row) for row in contours(mask)] == expected


def test_true_and_predicted_contours_and_what_is_wrong_are_seen() -> None:
    true, predicted = np.zeros((2, 40, 60), dtype=np.uint8)
    true[10:30, 10:30], predicted[10:30, 20:40] = 1, 1
    true[:, 50:] = IGNORED
    picture = Image.open(BytesIO(draw_masks(np.full((40, 60, 3), 77, dtype=np.uint8), true, predicted))).convert("RGB")
    assert picture.size == (120, 40)
    assert picture.getpixel((9, 20)) == TRUE
    assert picture.getpixel((39, 20)) == PREDICTED
    assert picture.getpixel((60 + 15, 20)) == picture.getpixel((60 + 35, 20)) == WRONG
    assert picture.getpixel((60 + 25, 20)) == picture.getpixel((60 + 55, 20)) == (77, 77, 77)


def test_a_large_image_is_drawn_small() -> None:
    mask = np.zeros((300, 1200), dtype=np.uint8)
    picture = Image.open(BytesIO(draw_masks(np.zeros((300, 1200, 3), dtype=np.uint8), mask, mask)))
    assert picture.size == (2 * SIDE, SIDE // 4)
