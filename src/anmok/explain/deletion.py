"""The deletion check: does the network depend on what an explanation calls hot?

Petsiuk et al. 2018 (RISE), arXiv:1806.07421, section 4.2: the hottest pixels are taken away first, and the area under
the probability of the class against the share taken away is small for a faithful map. Departs from the paper: pixels
become blurred, not black; and the area is compared with those of the same map mirrored and moved over the image at
random, because scattered pixels harm more than those that hang together, whatever they show.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from anmok.capture import untouched
from anmok.explain.absent import blurred
from anmok.explain.heat import logits_of
from anmok.shapes import Images

STEPS = 10  # of equally many pixels
ORDERS = 20

Heat = Float[np.ndarray, "height width"]


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """Areas under the probability of a class, in [0, 1]; the map beats chance where its own lies below `low`."""

    value: float  # of the map
    moved: float  # mean of the maps that were moved at random
    low: float  # the middle 95 % of these
    high: float
    n: int  # moved maps

    @property
    def ratio(self) -> float:
        """Of the map's area to that of the moved ones: 1 for a map that says nothing."""
        return self.value / self.moved if self.moved else 1.0


def check_by_deletion(
    network: nn.Module,
    image: Float[Tensor, "c height width"],
    heat: Float[Tensor, "height width"],
    target: int,
    *,
    seed: int = 0,
) -> Deletion:
    """Take away the hottest pixels of one image first, by the map and by `ORDERS` moved ones."""
    random = np.random.default_rng(seed)
    map = heat.double().cpu().numpy()
    steps = [_steps(order, random).to(image.device) for order in (map, *_moved(map, random))]
    with untouched(network), torch.inference_mode():
        hidden = blurred(image[None])
        areas = [_area(network, torch.where(gone, hidden, image), target) for gone in steps]
    low, high = np.quantile(areas[1:], [0.025, 0.975])
    return Deletion(value=areas[0], moved=float(np.mean(areas[1:])), low=float(low), high=float(high), n=ORDERS)


def _moved(heat: Heat, random: np.random.Generator) -> Iterator[Heat]:
    for _ in range(ORDERS):
        down, right = random.integers(heat.shape)
        rows, columns = random.choice((1, -1), size=2)
        yield np.roll(heat[::rows, ::columns], (down, right), axis=(0, 1))


def _steps(heat: Heat, random: np.random.Generator) -> Bool[Tensor, "steps 1 height width"]:
    """Which pixels are gone at each step, the hottest first; equally hot ones in a random order."""
    order = np.lexsort((random.random(heat.size), -heat.ravel()))
    ranks = np.empty(heat.size, dtype=int)
    ranks[order] = np.arange(heat.size)
    counts = np.linspace(0, heat.size, STEPS + 1).round()
    return torch.from_numpy(ranks.reshape(heat.shape) < rearrange(counts, "steps -> steps 1 1 1"))


def _area(network: nn.Module, images: Images, target: int) -> float:
    probabilities = logits_of(network(images)).double().softmax(1)[:, target]
    return float(torch.trapezoid(probabilities, dx=1 / STEPS))
