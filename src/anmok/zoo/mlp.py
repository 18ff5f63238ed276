"""MLP: every pixel is connected with every hidden unit, so nothing is known of neighbourhood in advance.

Rumelhart, Hinton & Williams 1986, "Learning representations by back-propagating errors", Nature 323, and the
dropout of Srivastava et al. 2014, JMLR 15. No variants are published; `mlp_nano` is ours.
Departs from the paper: rectified units; and the image is first averaged onto a fixed grid of 32 x 32 places
(each place the mean of the area that it covers), so that the parameters do not depend on the image's size.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Spec, linear_head
from anmok.layers import Linear
from anmok.shapes import Embedding, FeatureMap, Images


@dataclass(frozen=True, kw_only=True)
class MlpSpec(Spec):
    """Numbers of one variant; `drop_rate` is the dropout after every hidden layer."""

    widths: tuple[int, ...]  # units of each hidden layer
    grid: int = 32  # places per side of the averaged image

    def __post_init__(self) -> None:
        self.check_stages("widths")
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """A hidden layer has one place: its stride is the whole image."""
        return tuple(FeatureShape(width, max(self.img_size)) for width in self.widths)


class AreaGrid(nn.Module):
    """Average an image onto a square grid by two matrix products, one along each axis."""

    def __init__(self, grid: int) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, images: Images) -> FeatureMap:
        """The mean of the area that each place covers; with fewer pixels than places, pixels repeat."""
        down = _shares(self.grid, images.shape[2]).to(images)
        across = _shares(self.grid, images.shape[3]).to(images)
        return down @ images @ across.T


def _shares(places: int, pixels: int) -> Float[Tensor, "places pixels"]:
    """Share of each pixel in each place; rows sum to 1."""
    edges = torch.arange(places + 1, dtype=torch.float64) * (pixels / places)
    left = torch.arange(pixels, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], left + 1) - torch.maximum(edges[:-1, None], left)
    return overlap.clamp(min=0) * (places / pixels)


class FlattenPlaces(nn.Module):
    """A feature map as one vector."""

    def forward(self, x: FeatureMap) -> Embedding:
        """All channels of all places."""
        return rearrange(x, "b c h w -> b (c h w)")


class MLP(Backbone):
    """Hidden layers with rectified units; the stages are the layers."""

    def __init__(self, spec: MlpSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = nn.Sequential(AreaGrid(spec.grid), FlattenPlaces())
        self.stages = nn.ModuleList()
        width_in = in_chans * spec.grid**2
        for width in spec.widths:
            before = nn.Dropout(spec.drop_rate) if self.stages else nn.Identity()
            self.stages.append(nn.Sequential(before, Linear(width_in, width), nn.ReLU()))
            width_in = width
        self.pool = nn.Identity()
        self.head = linear_head(width_in, num_classes)
        self.stages.apply(_rectifier_normal)

    def as_map(self, x: Embedding) -> FeatureMap:
        """One place that holds every unit."""
        return rearrange(x, "b d -> b d 1 1")


def _rectifier_normal(module: nn.Module) -> None:
    """He et al. 2015, arXiv:1502.01852, eq. 10: keeps the variance through rectified layers."""
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


ARCHITECTURE = Architecture(
    model=MLP,
    kind=Kind.MLP,
    paper=Paper(
        title="Learning representations by back-propagating errors", authors="Rumelhart, Hinton & Williams", year=1986
    ),
    bias=(
        "None for images: each pixel has its own weights, so a pattern learnt at one place is unknown at every "
        "other. It shows how much of a task needs no idea of neighbourhood at all."
    ),
    presets={},
    ours={"mlp_nano": MlpSpec(widths=(296, 296), img_size=(32, 32))},
)
