"""LocalViT on Swin: attention inside shifting windows, and a convolution inside each feed-forward.

Li et al. 2021, arXiv:2104.05707 (Swin since the second version), on Liu et al. 2021, arXiv:2103.14030.
Departs from the authors' code: nowhere known; other sizes are padded as in `swin.py`.
"""

from collections import OrderedDict
from dataclasses import dataclass

from einops import rearrange
from torch import nn

from anmok.backbone import Architecture, Backbone, Kind, Paper, linear_head
from anmok.layers import DropPath, TokenGrid, drop_path_rates, for_products, truncated_normal
from anmok.shapes import Tokens
from anmok.zoo.localvit import LocalFeedForward
from anmok.zoo.swin import MeanPool, PatchMerging, PatchStem, SwinSpec, WindowAttention, Windows


@dataclass(frozen=True, kw_only=True)
class LocalSwinSpec(SwinSpec):
    """Numbers of one variant."""

    squeezed: int = 16  # channels inside squeeze and excitation


class LocalSwinBlock(nn.Module):
    """Attention inside windows on a pre-normed residual branch, then the local feed-forward across the whole map."""

    def __init__(self, spec: LocalSwinSpec, stage: int, *, shifted: bool, drop_path: float) -> None:
        super().__init__()
        width = spec.feature_shapes[stage].width
        self.window = spec.window
        self.shifted = shifted
        self.norm = nn.LayerNorm(width)
        self.attention = WindowAttention(width, spec.num_heads[stage], spec.window)
        self.feed_forward = LocalFeedForward(width, 4 * width, spec.squeezed)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: TokenGrid) -> TokenGrid:
        """The same grid of tokens, mixed."""
        x = x._replace(tokens=x.tokens + self.drop_path(self._attend(x._replace(tokens=self.norm(x.tokens)))))
        return x.with_map(self.feed_forward(x.map()))

    def _attend(self, x: TokenGrid) -> Tokens:
        windows = Windows(x.height, x.width, self.window, shifted=self.shifted)
        cut = windows.cut(rearrange(for_products(x.tokens), "b (h w) d -> b h w d", h=x.height))
        return rearrange(windows.join(self.attention(cut, windows)), "b h w d -> b (h w) d")


class LocalSwin(Backbone):
    """Patches, then stages of windowed blocks; each later stage starts by merging neighbours."""

    def __init__(self, spec: LocalSwinSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = PatchStem(in_chans, spec.width, spec.patch)
        self.stages = nn.ModuleList()
        for i, rates in enumerate(drop_path_rates(spec.depths, spec.drop_path_rate)):
            merge = PatchMerging(spec.feature_shapes[i - 1].width) if i else nn.Identity()
            blocks = nn.Sequential(
                *(LocalSwinBlock(spec, i, shifted=j % 2 == 1, drop_path=rate) for j, rate in enumerate(rates))
            )
            self.stages.append(nn.Sequential(OrderedDict(merge=merge, blocks=blocks)))
        self.pool = MeanPool(self.num_features)
        self.head = linear_head(self.num_features, num_classes)
        self.apply(truncated_normal)


ARCHITECTURE = Architecture(
    model=LocalSwin,
    kind=Kind.HYBRID,
    paper=Paper(
        title="LocalViT: Analyzing Locality in Vision Transformers", authors="Li et al.", year=2021, arxiv="2104.05707"
    ),
    bias=(
        "Attention looks at shifting windows on maps that shrink like a CNN's; the convolution inside each "
        "feed-forward crosses the windows' borders in every block."
    ),
    presets={
        "localvit_swin_tiny_patch4_window7_224": LocalSwinSpec(width=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24))
    },
    ours={
        "localvit_swin_nano": LocalSwinSpec(
            width=44, depths=(1, 1, 2), num_heads=(2, 4, 8), patch=2, window=4, img_size=(32, 32)
        )
    },
)
