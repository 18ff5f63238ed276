"""Swin: attention inside small windows that shift from block to block, on maps that shrink like a CNN's.

Liu et al. 2021, "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", arXiv:2103.14030.
Block: fig. 3; shifted windows: fig. 4; relative position bias: eq. 4; variants: sec. 3.3.
Departs from the paper: nowhere known; logits equal timm's. Maps that windows do not fill are padded with zeros after
the norm and before the shift, as in the official code for detection; a map smaller than a window is one window.
"""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Spec, linear_head
from anmok.layers import (
    Conv2d,
    DropPath,
    Linear,
    TokenGrid,
    attend,
    check_heads,
    drop_path_rates,
    for_products,
    pad_to_multiple,
    relative_bias,
    truncated_normal,
)
from anmok.shapes import Embedding, Images, Tokens


@dataclass(frozen=True, kw_only=True)
class SwinSpec(Spec):
    """Numbers of one variant; each later stage has twice the channels of the one before."""

    patch: int = 4  # pixels
    window: int = 7  # "M", sec. 3.2, tokens per side
    width: int  # "C", sec. 3.3, of the first stage
    depths: tuple[int, ...]  # blocks per stage; every second one has shifted windows
    num_heads: tuple[int, ...]  # per stage
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        self.check_stages("depths", "num_heads")
        for (width, _), heads in zip(self.feature_shapes, self.num_heads, strict=True):
            check_heads(width, heads)
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Each stage halves the map of the one before."""
        return tuple(FeatureShape(self.width * 2**i, self.patch * 2**i) for i in range(len(self.depths)))


class Windows:
    """How a map is cut into windows: their sides, and the shift, which is 0 along an axis that one window fills."""

    def __init__(self, rows: int, columns: int, window: int, *, shifted: bool) -> None:
        self.rows, self.columns = rows, columns
        self.sides = min(rows, window), min(columns, window)
        down, across = (window // 2 if shifted and n > window else 0 for n in (rows, columns))
        self.shift = down, across

    def cut(self, x: Float[Tensor, "b rows columns d"]) -> Float[Tensor, "b windows n d"]:
        """Tokens of every window."""
        x = rearrange(pad_to_multiple(rearrange(x, "b h w d -> b d h w"), *self.sides), "b d h w -> b h w d")
        x = torch.roll(x, (-self.shift[0], -self.shift[1]), dims=(1, 2)) if any(self.shift) else x
        return rearrange(x, "b (down h) (across w) d -> b (down across) (h w) d", h=self.sides[0], w=self.sides[1])

    def join(self, x: Float[Tensor, "b windows n d"]) -> Float[Tensor, "b rows columns d"]:
        """The inverse of `cut`."""
        down, pattern = -(-self.rows // self.sides[0]), "b (down across) (h w) d -> b (down h) (across w) d"
        x = rearrange(x, pattern, down=down, h=self.sides[0], w=self.sides[1])
        x = torch.roll(x, self.shift, dims=(1, 2)) if any(self.shift) else x
        return x[:, : self.rows, : self.columns]

    def barriers(self, device: torch.device) -> Float[Tensor, "windows 1 n n"]:
        """Minus infinity between tokens that only the shift's wrap-around brings into one window."""
        rows, columns = (self._bands(axis, device) for axis in (0, 1))
        region = self.cut((rows[:, None] + 3 * columns[None, :])[None, :, :, None])[0, :, :, 0]
        apart = region[:, None, :, None] != region[:, None, None, :]
        return torch.zeros(apart.shape, device=device).masked_fill(apart, -torch.inf)

    def _bands(self, axis: int, device: torch.device) -> Float[Tensor, " places"]:
        """Of an axis with its padding: 2 before the shift, 1 in the last window, 0 elsewhere."""
        side, shift = self.sides[axis], self.shift[axis]
        padded = -(-(self.rows, self.columns)[axis] // side) * side
        place = torch.arange(padded, device=device)
        return (place >= padded - side + shift).float() + 2 * (place < shift).float()


class WindowAttention(nn.Module):
    """Multi-head attention inside windows, with a learnt bias for every offset between two tokens (eq. 4)."""

    def __init__(self, width: int, num_heads: int, window: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.window = window
        self.bias = nn.Parameter(torch.empty((2 * window - 1) ** 2, num_heads))
        self.qkv = Linear(width, 3 * width)
        self.project = Linear(width, width)
        nn.init.trunc_normal_(self.bias, std=0.02)

    def forward(self, x: Float[Tensor, "b windows n d"], windows: Windows) -> Float[Tensor, "b windows n d"]:
        """Each token as a weighted sum over its window."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        bias = relative_bias(self.bias, (self.window, self.window), windows.sides)
        if any(windows.shift):
            bias = bias + windows.barriers(x.device)
        return self.project(attend(q, k, v, num_heads=self.num_heads, bias=bias))


class SwinBlock(nn.Module):
    """Attention inside windows, then an MLP across channels, each on a pre-normed residual branch."""

    def __init__(self, width: int, num_heads: int, window: int, *, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.window = window
        self.shifted = shifted
        self.norm1 = nn.LayerNorm(width)
        self.attention = WindowAttention(width, num_heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(Linear(width, 4 * width), nn.GELU(), Linear(4 * width, width))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: TokenGrid) -> TokenGrid:
        """The same grid of tokens, mixed."""
        tokens = x.tokens + self.drop_path(self._attend(x._replace(tokens=self.norm1(x.tokens))))
        return x._replace(tokens=tokens + self.drop_path(self.mlp(self.norm2(tokens))))

    def _attend(self, x: TokenGrid) -> Tokens:
        windows = Windows(x.height, x.width, self.window, shifted=self.shifted)
        cut = windows.cut(rearrange(for_products(x.tokens), "b (h w) d -> b h w d", h=x.height))
        return rearrange(windows.join(self.attention(cut, windows)), "b h w d -> b (h w) d")


class PatchStem(nn.Module):
    """Project patches linearly and norm them; an image that they do not fill is padded."""

    def __init__(self, in_chans: int, width: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.project = Conv2d(in_chans, width, patch, stride=patch)
        self.norm = nn.LayerNorm(width)

    def forward(self, images: Images) -> TokenGrid:
        """One token per patch."""
        patches = self.project(pad_to_multiple(images, self.patch, self.patch))
        return TokenGrid(self.norm(rearrange(patches, "b d h w -> b (h w) d")), patches.shape[2], patches.shape[3])


class PatchMerging(nn.Module):
    """Make one token of 2 x 2 neighbours, with twice the channels; an odd grid is padded."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduce = Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: TokenGrid) -> TokenGrid:
        """A grid of half the height and width."""
        map = pad_to_multiple(x.map(), 2, 2)
        neighbours = rearrange(map, "b d (h down) (w across) -> b (h w) (across down d)", down=2, across=2)
        return TokenGrid(self.reduce(self.norm(neighbours)), map.shape[2] // 2, map.shape[3] // 2)


class MeanPool(nn.Module):
    """The mean of all tokens stands for the image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tokens) -> Embedding:
        """The mean of the normed tokens."""
        return reduce(self.norm(tokens), "b n d -> b d", "mean")


class Swin(Backbone):
    """Patches, then stages of windowed blocks; each later stage starts by merging neighbours."""

    def __init__(self, spec: SwinSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = PatchStem(in_chans, spec.width, spec.patch)
        self.stages = nn.ModuleList()
        for i, rates in enumerate(drop_path_rates(spec.depths, spec.drop_path_rate)):
            width, heads = spec.feature_shapes[i].width, spec.num_heads[i]
            merge = PatchMerging(width // 2) if i else nn.Identity()
            blocks = nn.Sequential(
                *(SwinBlock(width, heads, spec.window, shifted=j % 2 == 1, drop_path=r) for j, r in enumerate(rates))
            )
            self.stages.append(nn.Sequential(OrderedDict(merge=merge, blocks=blocks)))
        self.pool = MeanPool(self.num_features)
        self.head = linear_head(self.num_features, num_classes)
        self.apply(truncated_normal)


ARCHITECTURE = Architecture(
    model=Swin,
    kind=Kind.TRANSFORMER,
    paper=Paper(title="Swin Transformer", authors="Liu et al.", year=2021, arxiv="2103.14030"),
    bias=(
        "Patches look only at their window, at the next block's shifted window and so ever further, and what "
        "counts between two patches is their offset: a CNN's neighbourhood and scales with a Transformer's "
        "weighing by content."
    ),
    presets={
        "swin_tiny_patch4_window7_224": SwinSpec(width=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24)),
        "swin_small_patch4_window7_224": SwinSpec(width=96, depths=(2, 2, 18, 2), num_heads=(3, 6, 12, 24)),
        "swin_base_patch4_window7_224": SwinSpec(width=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32)),
        "swin_large_patch4_window7_224": SwinSpec(width=192, depths=(2, 2, 18, 2), num_heads=(6, 12, 24, 48)),
        "swin_base_patch4_window12_384": SwinSpec(
            width=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32), window=12, img_size=(384, 384)
        ),
        "swin_large_patch4_window12_384": SwinSpec(
            width=192, depths=(2, 2, 18, 2), num_heads=(6, 12, 24, 48), window=12, img_size=(384, 384)
        ),
    },
    ours={"swin_nano": SwinSpec(width=44, depths=(2, 1, 2), num_heads=(2, 4, 8), patch=2, window=4, img_size=(32, 32))},
)
