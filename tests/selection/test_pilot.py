import pytest

from anmok.data import Augmentation
from anmok.evaluation.measurements import Measurement
from anmok.selection.pilot import strongest


@pytest.mark.parametrize(
    ("none", "crop", "flip", "chosen"),
    [
        (0.80, 0.80, 0.80, Augmentation.FLIP_CROP),
        (0.80, 0.82, 0.81, Augmentation.FLIP_CROP),  # one standard error is 1.4 points here
        (0.80, 0.82, 0.79, Augmentation.CROP),
        (0.90, 0.80, 0.70, Augmentation.NONE),
    ],
)
def test_the_strongest_within_one_standard_error_is_taken(
    none: float, crop: float, flip: float, chosen: Augmentation
) -> None:
    rows = [Measurement(subject="m", metric="select_accuracy", value=v, n=800) for v in (none, crop, flip)]
    tried = (Augmentation.NONE, Augmentation.CROP, Augmentation.FLIP_CROP)
    assert strongest(dict(zip(tried, rows, strict=True))) is chosen


def test_from_pretrained_weights_stronger_ones_are_tried() -> None:
    tried = (Augmentation.CROP, Augmentation.FLIP_CROP, Augmentation.FLIP_RESIZED_CROP)
    rows = [Measurement(subject="m", metric="select_accuracy", value=v, n=800) for v in (0.80, 0.82, 0.815)]
    assert strongest(dict(zip(tried, rows, strict=True)), tried) is Augmentation.FLIP_RESIZED_CROP


def test_a_pilot_that_failed_leaves_the_usual_augmentation() -> None:
    assert strongest({}) is Augmentation.FLIP_CROP
