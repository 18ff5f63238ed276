"""How places of a map depend on pixels: squared Jacobians, by random projections of the map's channels.

For v ~ N(0, I) the expected square of the gradient of v · y_q with respect to a pixel is the squared norm of that
block of the Jacobian. A sum of channels, the usual readout, is constant behind a layer norm and blind to dead units.
"""

from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange, reduce, repeat
from jaxtyping import Float, Int
from torch import Tensor

from anmok.capture import pixel_centres
from anmok.probes.map_reader import MapReader
from anmok.probes.subject import Subject
from anmok.shapes import Images

IMAGES = 16
_AT_ONCE = 8


class Jacobians(NamedTuple):
    """Of the middle place, and of places that go evenly through the map from image to image."""

    middle: Float[Tensor, "n height width"]  # absolute gradient, summed over the image's channels
    middle_squared: Float[Tensor, "n height width"]
    squared: Float[Tensor, "n places height width"]  # of the other places
    down: Float[Tensor, "n places height width"]  # pixels from the centre of each place's cell
    across: Float[Tensor, "n places height width"]
    cell: tuple[float, float]  # height and width of a place, pixels


def jacobians(reader: MapReader, subject: Subject) -> Jacobians | None:
    """Over the first images; None where the map has no gradient."""
    generator = torch.Generator().manual_seed(subject.seed)
    found: list[list[Tensor]] = []
    wheres: list[Tensor] = []
    rows, columns = 1, 1
    with torch.enable_grad():
        for chunk in subject.chunks(IMAGES, at_once=_AT_ONCE):
            pixels = chunk.detach().clone().requires_grad_()
            map = reader(pixels)
            if map is None or not map.requires_grad:
                return None
            rows, columns = map.shape[2:]
            where = _places(len(chunk), _AT_ONCE * len(found), rows * columns, subject.seed)
            found.append([_gradient(map, pixels, place, generator) for place in where.T])
            wheres.append(where[:, 1:])
    gradients = [torch.cat(parts) for parts in zip(*found, strict=True)]
    squared = [reduce(g**2, "n c height width -> n height width", "sum") for g in gradients]
    height, width = subject.size
    where = torch.cat(wheres)
    down = torch.arange(height) - pixel_centres(rows, height)[where // columns][..., None]
    across = torch.arange(width) - pixel_centres(columns, width)[where % columns][..., None]
    return Jacobians(
        middle=reduce(gradients[0].abs(), "n c height width -> n height width", "sum"),
        middle_squared=squared[0],
        squared=torch.stack(squared[1:], dim=1),
        down=repeat(down, "n places height -> n places height width", width=width),
        across=repeat(across, "n places width -> n places height width", height=height),
        cell=(height / rows, width / columns),
    )


def _places(count: int, start: int, total: int, seed: int) -> Int[Tensor, "n places"]:
    """For each image the middle place, marked -1, then one of its own and the one opposite across the map's centre."""
    order = np.random.default_rng(seed).permutation(total)
    own = order[(start + np.arange(count)) % total]
    return torch.from_numpy(np.stack([np.full(count, -1), own, total - 1 - own], axis=1))


def _gradient(map: Tensor, pixels: Images, place: Tensor, generator: torch.Generator) -> Float[Tensor, "b c h w"]:
    rows, columns = map.shape[2:]
    place = torch.where(place < 0, rows // 2 * columns + columns // 2, place)
    read = rearrange(map, "b c h w -> b (h w) c")[torch.arange(len(map), device=map.device), place.to(map.device)]
    direction = torch.randn(read.shape, generator=generator).to(read)
    (gradient,) = torch.autograd.grad((read * direction).sum(), pixels, retain_graph=True)
    return gradient.cpu().double()
