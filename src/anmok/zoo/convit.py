"""ConViT: a ViT whose first blocks start out like convolutions, and are free to stop being so.

d'Ascoli et al. 2021, "ConViT: Improving Vision Transformers with Soft Convolutional Inductive Biases",
arXiv:2103.10697. Attention: fig. 3, eq. 6-8; how it starts: eq. 5; variants: table 1.
Departs from the paper: the two attentions that eq. 7 mixes are rows of probabilities, and so is their mixture, which
eq. 8 therefore leaves as it is: that is left out. Logits equal timm's.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from math import isqrt

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, Backbone, Kind, Paper, linear_head
from anmok.errors import SpecError
from anmok.layers import Linear, TokenGrid, drop_path_rates, truncated_normal
from anmok.shapes import Tokens
from anmok.zoo.vit import ClassTokenPool, PatchStem, ViTBlock, ViTSpec


@dataclass(frozen=True, kw_only=True)
class ConViTSpec(ViTSpec):
    """Numbers of one variant."""

    patch: int = 16
    depth: int = 12
    gated_depth: int = 10  # blocks with gated attention, which come first; the others have a class token

    def __post_init__(self) -> None:
        if isqrt(self.num_heads) ** 2 != self.num_heads:
            raise SpecError(
                f"The heads of gated attention start as the places of a square filter: got {self.num_heads} heads. "
                "Choose a square number, such as 4, 9 or 16."
            )
        if not 0 <= self.gated_depth < self.depth:
            raise SpecError(
                f"The last block needs the class token, which gated ones do not take: got {self.gated_depth} gated "
                f"blocks of {self.depth}. Leave at least one block ungated."
            )
        super().__post_init__()


class GatedAttention(nn.Module):
    """Attention to contents and attention to places, mixed by a learnt gate in every head (eq. 6, 7)."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query_key = Linear(width, 2 * width, bias=False)
        self.value = Linear(width, width, bias=False)
        self.places = Linear(3, num_heads)  # "v_pos", of a place's offset and its squared length
        self.gate = nn.Parameter(torch.ones(num_heads))  # "λ", of places, before the sigmoid
        self.project = Linear(width, width)

    def forward(self, x: TokenGrid) -> Tokens:
        """Each token as a weighted sum over all tokens."""
        split = "b n (heads d) -> b heads n d"
        q, k = self.query_key(x.tokens).chunk(2, dim=-1)
        q, k, v = (rearrange(each, split, heads=self.num_heads) for each in (q, k, self.value(x.tokens)))
        by_content = (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)).softmax(dim=-1)
        by_place = self.attend_to_places(x.height, x.width).to(by_content.dtype)
        gate = rearrange(self.gate.sigmoid(), "heads -> heads 1 1").to(by_content.dtype)
        mixed = torch.lerp(by_content, by_place, gate) @ v
        return self.project(rearrange(mixed, "b heads n d -> b n (heads d)"))

    def attend_to_places(self, height: int, width: int) -> Float[Tensor, "heads n n"]:
        """How much every place of a grid looks at every other, whatever the image shows."""
        offsets = rearrange(_offsets(height, width, self.places.weight), "features n m -> features (n m)")
        scores = self.places.weight @ offsets + self.places.bias[:, None]
        return rearrange(scores, "heads (n m) -> heads n m", n=height * width).softmax(dim=-1)

    def start_as_convolution(self) -> None:
        """Let every head look at one place of a square filter, and pass on what it sees (eq. 5, with α = 1).

        The paper zeroes queries and keys; with the gate open they may be random, as in its code.
        """
        side = isqrt(self.num_heads)
        centres = torch.arange(side) - (side - 1) / 2
        across, down = torch.meshgrid(centres, centres, indexing="ij")
        places = torch.stack((2 * across, 2 * down, -torch.ones(side, side)))
        with torch.no_grad():
            self.places.weight.copy_(rearrange(places, "features across down -> (across down) features"))
        nn.init.eye_(self.value.weight)


def _offsets(height: int, width: int, like: Tensor) -> Float[Tensor, "3 n n"]:
    """Columns and rows from each place of a grid to each other, and the square of the distance ("r", eq. 5)."""
    rows, columns = (torch.arange(side, dtype=like.dtype, device=like.device) for side in (height, width))
    rows, columns = repeat(rows, "h -> (h w)", w=width), repeat(columns, "w -> (h w)", h=height)
    across, down = (places[None, :] - places[:, None] for places in (columns, rows))
    return torch.stack((across, down, across**2 + down**2))


class GatedBlock(ViTBlock):
    """A ViT's block with gated attention."""

    def __init__(self, width: int, num_heads: int, *, expansion: int, drop_path: float) -> None:
        super().__init__(width, num_heads, expansion=expansion, drop_path=drop_path)
        self.attention = GatedAttention(width, num_heads)

    def attend(self, x: TokenGrid) -> Tokens:
        """Each token as a weighted sum over all tokens."""
        return self.attention(x)


class ClassToken(nn.Module):
    """Put a class token before the others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.empty(1, 1, width))
        nn.init.trunc_normal_(self.token, std=0.02)

    def forward(self, x: TokenGrid) -> TokenGrid:
        """The same grid, with one token more."""
        token = repeat(self.token, "1 1 d -> b 1 d", b=x.tokens.shape[0])
        return x._replace(tokens=torch.cat((token, x.tokens), dim=1))


class ConViT(Backbone):
    """Patches, gated blocks, then a ViT's with a class token; each block is a stage."""

    def __init__(self, spec: ConViTSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = PatchStem(in_chans, spec.width, spec.patch, spec.grid, class_tokens=0)
        (rates,) = drop_path_rates((spec.depth,), spec.drop_path_rate)
        gated, plain = (
            partial(block, spec.width, spec.num_heads, expansion=spec.expansion)
            for block in (GatedBlock, partial(ViTBlock, qkv_bias=False))
        )
        self.stages = nn.ModuleList(gated(drop_path=rate) for rate in rates[: spec.gated_depth])
        first, *others = (plain(drop_path=rate) for rate in rates[spec.gated_depth :])
        self.stages.append(nn.Sequential(OrderedDict(class_token=ClassToken(spec.width), block=first)))
        self.stages.extend(others)
        self.pool = ClassTokenPool(spec.width)
        self.head = linear_head(spec.width, num_classes)
        self.apply(truncated_normal)
        for module in self.modules():
            if isinstance(module, GatedAttention):
                module.start_as_convolution()


ARCHITECTURE = Architecture(
    model=ConViT,
    kind=Kind.TRANSFORMER,
    paper=Paper(
        title="ConViT: Improving Vision Transformers with Soft Convolutional Inductive Biases",
        authors="d'Ascoli et al.",
        year=2021,
        arxiv="2103.10697",
    ),
    bias=(
        "At the start each head of the first blocks looks at one neighbour, as a filter of a CNN does; training may "
        "open its gate to look by content instead. It has a CNN's head start without a CNN's limits."
    ),
    presets={
        "convit_tiny": ConViTSpec(width=192, num_heads=4),
        "convit_tiny_plus": ConViTSpec(width=256, num_heads=4),
        "convit_small": ConViTSpec(width=432, num_heads=9),
        "convit_small_plus": ConViTSpec(width=576, num_heads=9),
        "convit_base": ConViTSpec(width=768, num_heads=16),
        "convit_base_plus": ConViTSpec(width=1024, num_heads=16),
    },
    ours={
        "convit_nano": ConViTSpec(patch=4, width=128, depth=5, gated_depth=4, num_heads=4, img_size=(32, 32)),
    },
)
