import numpy as np
import pytest
from small_features import answers_of, features_of

from anmok.errors import RequestError
from anmok.scores import h_score, lda, leep, logme, nce, neighbours, ridge, shrunk_h_score
from anmok.scores.material import check_features

ON_FEATURES = [ridge, lda, neighbours, logme, shrunk_h_score, h_score]
ON_ANSWERS = [nce, leep]


@pytest.mark.parametrize("estimate", ON_FEATURES)
def test_features_that_do_not_differ(estimate):
    message = r"^Features must differ between images: all 6 have the same. Take another network, or look at what"
    with pytest.raises(RequestError, match=message):
        estimate(np.full((6, 4), 2.5), np.array([0, 0, 0, 1, 1, 1]))


@pytest.mark.parametrize("estimate", [*ON_FEATURES, *ON_ANSWERS])
def test_one_class(estimate):
    x, _ = answers_of(12, 5, 3)
    message = r"^A score tells classes apart, two at least: got 12 images of 1. Add another class.$"
    with pytest.raises(RequestError, match=message):
        estimate(x, np.full(12, 4))


@pytest.mark.parametrize("estimate", [*ON_FEATURES, *ON_ANSWERS])
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_numbers_that_are_not_finite(estimate, broken):
    x, y = answers_of(12, 5, 3)
    x[2, 0] = x[2, 1] = x[7, 0] = broken
    what = "Features" if estimate in ON_FEATURES else "Probabilities"
    message = rf"^{what} are finite numbers: those of 2 of 12 images are not. Run the network in fp32, or leave"
    with pytest.raises(RequestError, match=message):
        estimate(x, y)


@pytest.mark.parametrize("estimate", [*ON_FEATURES, *ON_ANSWERS])
def test_another_number_of_labels(estimate):
    x, y = answers_of(12, 5, 3)
    what = "Features" if estimate in ON_FEATURES else "Probabilities"
    message = (
        rf"^{what} are a table with a row and a label for each image: got the shapes \(12, 5\) and \(11,\). "
        "Pool feature maps, and give as many labels as rows.$"
    )
    with pytest.raises(RequestError, match=message):
        estimate(x, y[1:])


def test_feature_maps():
    with pytest.raises(RequestError, match=r"got the shapes \(12, 5, 7, 7\) and \(12,\). Pool feature maps"):
        check_features(np.zeros((12, 5, 7, 7)), np.zeros(12, dtype=int))


def test_no_images():
    with pytest.raises(RequestError, match=r"two at least: got 0 images of 0. Add another class.$"):
        ridge(np.zeros((0, 5)), np.zeros(0, dtype=int))


@pytest.mark.parametrize("estimate", ON_ANSWERS)
def test_answers_that_are_no_probabilities(estimate):
    x, y = answers_of(12, 5, 3)
    x[3] *= 2
    x[4, :2] = -0.1, x[4, :2].sum() + 0.1
    message = (
        r"^Probabilities of an image are not negative and sum to 1: 2 of 12 images break this. Take the softmax of"
    )
    with pytest.raises(RequestError, match=message):
        estimate(x, y)


def test_too_few_images_for_the_h_score():
    x, y = features_of(20, 30, 3)
    message = r"^The H-score needs more images than channels: got 20 and 30. Add images, or use shrunk_h_score.$"
    with pytest.raises(RequestError, match=message):
        h_score(x, y)
