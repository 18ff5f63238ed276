import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.data.augment.geometry import shifted
from anmok.data.draws import Draws


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augment(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return shifted(images, Draws(seed, 0, np.arange(len(images))))


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(8, 33), st.integers(8, 33), st.integers(0, 99))
def test_each_image_is_one_of_the_views_that_padding_flipping_and_cropping_give(
    batch: int, height: int, width: int, seed: int
) -> None:
    images = torch.randint(0, 256, (batch, 3, height, width), generator=seeded(seed), dtype=torch.uint8)
    up, side = height // 8, width // 8
    padded = torch.nn.functional.pad(images.float(), (side, side, up, up), mode="reflect").to(torch.uint8)
    views = [
        padded[:, :, top : top + height, left : left + width]
        for top in range(2 * up + 1)
        for left in range(2 * side + 1)
    ]
    views += [view.flip(3) for view in views]
    result = augment(images, seed)
    for number in range(batch):
        assert any(torch.equal(result[number], view[number]) for view in views)


def test_half_of_the_images_are_mirrored_and_shifts_are_uniform() -> None:
    ramp = torch.arange(16, dtype=torch.uint8).expand(8000, 1, 16, 16)
    result = augment(ramp)
    mirrored = result[:, 0, 0, 4] > result[:, 0, 0, 10]
    assert abs(mirrored.float().mean() - 0.5) < 0.03
    shifts = result[~mirrored][:, 0, 0, 8].int() - 8
    assert shifts.unique().tolist() == [-2, -1, 0, 1, 2]
    shares = torch.bincount(shifts + 2) / len(shifts)
    assert (shares - 0.2).abs().max() < 0.03


def test_a_shift_reaches_as_far_as_its_share_of_the_side() -> None:
    ramp = torch.arange(32, dtype=torch.uint8).expand(500, 1, 32, 32)
    moved = shifted(ramp, Draws(0, 0, np.arange(500)), shift=0.0625, mirror=False)
    assert (moved[:, 0, 0, 9].int() - 9).unique().tolist() == [-2, -1, 0, 1, 2]


def test_images_are_treated_one_by_one() -> None:
    images = torch.randint(0, 256, (1, 3, 32, 32), generator=seeded(), dtype=torch.uint8).expand(64, 3, 32, 32)
    result = augment(images)
    assert len({bytes(image.flatten().tolist()) for image in result}) > 30


def test_images_too_small_to_shift_are_only_mirrored() -> None:
    images = torch.arange(14, dtype=torch.uint8).reshape(2, 1, 1, 7)
    result = augment(images)
    for before, after in zip(images, result, strict=True):
        assert torch.equal(after, before) or torch.equal(after, before.flip(2))
