import numpy as np
import pytest
import torch
from scipy import ndimage

from anmok.data.augment.elastic import deformed, displacements
from anmok.data.augment.geometry import shifted
from anmok.data.draws import Draws


def draws(count: int, seed: int = 0, epoch: int = 0) -> Draws:
    return Draws(seed, epoch, np.arange(count))


def keys(distance: np.ndarray) -> np.ndarray:
    """The kernel of cubic convolution with a = -0.75 (Keys 1981, eq. 4)."""
    a, d = -0.75, np.abs(distance)
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def between(side: int) -> np.ndarray:
    """Weights of the 3 points, the outer ones repeated beyond the ends, at each of `side` places."""
    looks = np.linspace(0, 2, side)[:, None]
    weights = np.zeros((side, 3))
    for point in range(-2, 5):
        weights[:, min(max(point, 0), 2)] += keys(looks - point)[:, 0]
    return weights


def test_the_field_is_the_bicubic_interpolation_of_nine_random_vectors() -> None:
    field = displacements(draws(4), 10.0, 33, 50)
    vectors = draws(4)
    points = np.stack([vectors.normal() for _ in range(18)], axis=1).reshape(4, 2, 3, 3)
    expected = 10 * between(33) @ points @ between(50).T
    np.testing.assert_allclose(field.numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(field[:, :, [0, -1]][..., [0, -1]], 10 * points[:, :, [0, -1]][..., [0, -1]], rtol=1e-4)


def test_displacements_have_the_deviation_that_was_asked_for() -> None:
    corners = displacements(draws(4000), 7.0, 9, 9)[:, :, ::8, ::8]
    assert corners.std().item() == pytest.approx(7.0, rel=0.02)
    assert abs(corners.mean().item()) < 0.1


def test_levels_come_from_where_the_field_points() -> None:
    images = torch.randint(0, 256, (2, 2, 40, 52), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    field = displacements(draws(2), 3.0, 40, 52).double().numpy()
    result = deformed(images, draws(2), 3.0, labels=1)
    rows, columns = np.mgrid[:40, :52]
    for image, moved, (down, right) in zip(images.numpy(), result.numpy(), field, strict=True):
        places = (rows + down, columns + right)
        levels = ndimage.map_coordinates(image[0].astype(float), places, order=1, mode="mirror")
        assert np.abs(moved[0] - levels).max() < 0.6
        ids = ndimage.map_coordinates(image[1], places, order=0, mode="mirror")
        assert (moved[1] == ids).mean() > 0.999  # where a place lies in the middle of two pixels, either may be taken


def test_no_displacement_changes_nothing() -> None:
    images = torch.randint(0, 256, (2, 5, 31, 44), dtype=torch.uint8)
    assert torch.equal(deformed(images, draws(2), 0.0, labels=3), images)


def test_image_and_mask_move_together() -> None:
    """The mask of a smooth image is where it is bright; it stays so, but for pixels on the very contour."""
    rows, columns = np.mgrid[:96, :96]
    hill = 255 * np.exp(-((rows - 50) ** 2 + (columns - 40) ** 2) / (2 * 25**2))
    image = torch.from_numpy(hill.round().astype(np.uint8)).expand(16, 1, 96, 96)
    layers = torch.cat((image, (image > 127).byte()), dim=1)
    for moved in (deformed(layers, draws(16), 10.0, labels=1), shifted(layers, draws(16))):
        assert not torch.equal(moved, layers)
        bright, mask = moved[:, 0] > 127, moved[:, 1] == 1
        assert 0.1 < mask.float().mean() < 0.6
        assert (bright == mask).float().mean() > 0.995
        near = (moved[:, 0].int() - 127).abs() <= 8
        assert ((bright == mask) | near).all()


def test_an_image_is_deformed_alike_in_any_batch_and_anew_in_each_epoch() -> None:
    images = torch.randint(0, 256, (6, 2, 32, 32), dtype=torch.uint8)
    together = deformed(images, draws(6), 4.0, labels=1)
    alone = deformed(images[3:4], Draws(0, 0, np.array([3])), 4.0, labels=1)
    assert torch.equal(together[3:4], alone)
    assert not torch.equal(together, deformed(images, draws(6, epoch=1), 4.0, labels=1))


def test_class_ids_are_never_mixed() -> None:
    ids = torch.tensor([0, 7, 255], dtype=torch.uint8)[torch.randint(0, 3, (4, 1, 40, 40))]
    moved = deformed(torch.cat((ids, ids), dim=1), draws(4), 10.0, labels=1)
    assert set(moved[:, 1].unique().tolist()) == {0, 7, 255}
    assert len(moved[:, 0].unique()) > 100
