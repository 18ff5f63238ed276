import numpy as np
import torch

from anmok.data.augment.jitter import jittered
from anmok.data.draws import Draws


def test_factors_lie_within_reach_and_a_view_does_not_depend_on_its_company() -> None:
    grey = torch.full((2000, 3, 2, 2), 100, dtype=torch.uint8)
    levels = jittered(grey, 0.4, Draws(0, 0, np.arange(2000))).float()
    # Of one colour: contrast and saturation change nothing.
    assert levels.min() >= 59
    assert levels.max() <= 140
    assert abs(levels.mean() - 100) < 2
    assert levels.std() > 20
    assert torch.equal(levels[7:9], jittered(grey[:2], 0.4, Draws(0, 0, np.arange(7, 9))).float())


def test_every_order_of_the_three_occurs() -> None:
    # Factors drawn anew for each image, hence many images: contrast before or after brightness clips differently.
    pixels = torch.randint(0, 256, (1, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    views = jittered(pixels.expand(300, -1, -1, -1), 0.4, Draws(0, 0, np.arange(300)))
    assert len({bytes(view.flatten().tolist()) for view in views}) == 300


def test_a_reach_beyond_1_gives_no_negative_factor() -> None:
    pixels = torch.full((500, 1, 2, 2), 10, dtype=torch.uint8)
    assert jittered(pixels, 3.0, Draws(0, 0, np.arange(500))).max() <= 40
