"""Airbench: whitened patches, then three pairs of convolutions; 94 % on CIFAR-10 in seconds of training.

Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv:2404.00498. Variant: section 3.1, as in the
author's code of 2024, without the bias of its convolutions.
Departs from the paper: the whitening filters follow from the first batch of a training, not from 5,000 images; the
head has a bias, and at other sizes than 32 its pool takes the largest value of the whole last map.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from anmok.backbone import Architecture, Backbone, FeatureShape, ImageSizes, Kind, Paper, Spec, linear_head
from anmok.layers import Conv2d
from anmok.shapes import Embedding, FeatureMap, Images

_PATCH = 2  # pixels of the side of a whitened patch


@dataclass(frozen=True, kw_only=True)
class AirbenchSpec(Spec):
    """Numbers of one variant."""

    widths: tuple[int, ...] = (64, 256, 256)  # channels of each pair of convolutions
    img_size: tuple[int, int] = (32, 32)

    def __post_init__(self) -> None:
        self.check_stages("widths")
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """After each pair of convolutions."""
        return tuple(FeatureShape(width, 2 ** (i + 1)) for i, width in enumerate(self.widths))

    @property
    def image_sizes(self) -> ImageSizes:
        """One place has to be left when the first row and column are lost to the patches."""
        return ImageSizes(minimum=2 ** len(self.widths) + 1)


class Whitening(nn.Module):
    """Convolution whose filters decorrelate patches: the eigenvectors of their covariance, and their negatives.

    Section 3.2, after Page 2019. The filters are not learned: they follow from the first batch that is seen in
    training, once; until then they are random and orthogonal.
    """

    weight: Float[Tensor, "filters channels height width"]
    patches: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.width = 2 * channels * _PATCH**2
        basis = nn.init.orthogonal_(torch.empty(self.width // 2, self.width // 2))
        self.register_buffer("weight", _filters(basis, channels))
        self.register_buffer("patches", torch.zeros((), dtype=torch.int64))  # that the filters follow from
        self.bias = nn.Parameter(torch.zeros(self.width))
        self._known = False

    def forward(self, images: Images) -> Float[Tensor, "b filters h w"]:
        """The patches' decorrelated components, each twice, with both signs."""
        if self.training and not self._known:
            self._adapt(images)
        return functional.conv2d(images, self.weight, self.bias)

    @torch.no_grad()
    def _adapt(self, images: Images) -> None:
        self._known = True
        if self.patches > 0:  # as it was saved
            return
        seen = rearrange(functional.unfold(images.float(), _PATCH), "b c n -> (b n) c").double()
        values, vectors = torch.linalg.eigh(seen.T @ seen / len(seen))
        scaled = vectors.T / (values[:, None] + 5e-4).sqrt()
        self.weight.copy_(_filters(scaled, images.shape[1]))
        self.patches.fill_(len(seen))


def _filters(basis: Float[Tensor, "n n"], channels: int) -> Float[Tensor, "filters channels height width"]:
    both = torch.cat((basis, -basis))
    return rearrange(both, "f (c h w) -> f c h w", c=channels, h=_PATCH)


class ShiftNorm(nn.BatchNorm2d):
    """Batch norm that learns a shift and no gain, its running statistics from few batches."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-12, momentum=0.4, affine=False)
        self.bias = nn.Parameter(torch.zeros(width))


class Pair(nn.Sequential):
    """A convolution and a pool, then a convolution; each is normalised and activated."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.conv1 = _near_identity(width_in, width)
        self.downsample = nn.MaxPool2d(2)
        self.norm1 = ShiftNorm(width)
        self.act1 = nn.GELU()
        self.conv2 = _near_identity(width, width)
        self.norm2 = ShiftNorm(width)
        self.act2 = nn.GELU()


def _near_identity(width_in: int, width: int) -> Conv2d:
    """The first filters hand their input on (section 3.3)."""
    conv = Conv2d(width_in, width, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:width_in])
    return conv


class LargestScaled(nn.Module):
    """The largest value of each channel, divided by the number of channels: logits begin small."""

    def forward(self, x: FeatureMap) -> Embedding:
        """One value per channel."""
        return x.amax((2, 3)) / x.shape[1]


class Airbench(Backbone):
    """Whitening, pairs of convolutions, and a head whose first weights are large."""

    def __init__(self, spec: AirbenchSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        whitening = Whitening(in_chans)
        self.stem = nn.Sequential(whitening, nn.GELU())
        widths = (whitening.width, *spec.widths)
        self.stages = nn.ModuleList(Pair(*ends) for ends in pairwise(widths))
        self.pool = LargestScaled()
        self.head = self.new_head(num_classes)

    def new_head(self, num_classes: int) -> nn.Module:
        """A head with weights of deviation 1."""
        head = linear_head(self.head_hidden_size, num_classes)
        if isinstance(head, nn.Linear):
            nn.init.normal_(head.weight)
            nn.init.zeros_(head.bias)
        return head


ARCHITECTURE = Architecture(
    model=Airbench,
    kind=Kind.CNN,
    paper=Paper(
        title="94% on CIFAR-10 in 3.29 Seconds on a Single GPU", authors="Jordan", year=2024, arxiv="2404.00498"
    ),
    bias=(
        "Nearby pixels belong together and a pattern means the same wherever it is. What neighbouring pixels have in "
        "common is taken out before anything is learned, and only the strongest answer of the last map counts, "
        "wherever it is: made to learn small images in a few epochs."
    ),
    presets={"airbench94": AirbenchSpec()},
    ours={"airbench_nano": AirbenchSpec(widths=(64, 160, 192))},
)
