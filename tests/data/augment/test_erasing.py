import numpy as np
import torch
from scipy import stats

from anmok.data.augment.erasing import AREA, erased
from anmok.data.draws import Draws


def erase(count: int, height: int, width: int, probability: float) -> torch.Tensor:
    return erased(torch.full((count, 3, height, width), 2.0), probability, Draws(1, 0, np.arange(count)))


def test_a_rectangle_of_the_area_and_shape_asked_for_is_filled_with_noise() -> None:
    views = erase(400, 40, 60, 1.0)
    assert views.min() >= 0
    areas, ratios = [], []
    for view in views:
        changed = view[0] < 1
        rows, columns = changed.any(1).sum(), changed.any(0).sum()
        assert rows * columns == changed.sum()  # a rectangle, the same in all channels
        assert torch.equal(changed, view[1] < 1)
        areas.append(float(changed.sum()) / changed.numel())
        ratios.append(float(rows / columns))
    assert min(areas) > AREA[0] * 0.8
    assert max(areas) < AREA[1] * 1.1
    assert stats.kstest(areas, stats.uniform(AREA[0], AREA[1] - AREA[0]).cdf).pvalue > 0.001
    assert min(ratios) > 0.25
    assert max(ratios) < 4
    assert np.mean(np.array(ratios) > 1) < 0.5  # the image is broader than high: tall ones fit more rarely


def test_noise_is_uniform_and_differs_between_images_channels_and_places() -> None:
    noise = erase(60, 64, 64, 1.0)
    values = noise[noise < 1].numpy()
    assert stats.kstest(values[:20000], "uniform").pvalue > 0.001
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.01
    assert len(np.unique(values)) > 0.99 * len(values)


def test_images_are_erased_with_the_probability_asked_for() -> None:
    changed = (erase(2000, 16, 16, 0.25) < 1).flatten(1).any(1)
    assert abs(changed.float().mean() - 0.25) < 0.03


def test_a_view_does_not_depend_on_its_company() -> None:
    images = torch.rand(9, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    whole = erased(images.clone(), 0.5, Draws(0, 2, np.arange(9)))
    for part in (slice(0, 1), slice(1, 4), slice(4, 9)):
        assert torch.equal(erased(images[part].clone(), 0.5, Draws(0, 2, np.arange(9)[part])), whole[part])


def test_an_image_in_which_no_rectangle_fits_stays() -> None:
    assert (erase(50, 1, 1, 1.0) == 2).all()
    assert len(erase(0, 8, 8, 1.0)) == 0
