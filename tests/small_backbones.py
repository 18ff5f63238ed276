"""Backbones whose every answer can be written down on paper."""

from dataclasses import dataclass

import torch
from einops import rearrange
from einops.layers.torch import Reduce
from torch import nn

from anmok.backbone import Backbone, FeatureShape, Spec
from anmok.layers import TokenGrid
from anmok.shapes import FeatureMap, Tokens


@dataclass(frozen=True, kw_only=True)
class StackSpec(Spec):
    """The shapes that the stages are known to have."""

    shapes: tuple[FeatureShape, ...]

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        return self.shapes


class Stack(Backbone):
    """Any modules as the stages; the sum of each channel is its logit unless another pool is given."""

    def __init__(self, *stages: nn.Module, stem: nn.Module | None = None, pool: nn.Module | None = None) -> None:
        spec = StackSpec(shapes=(FeatureShape(3, 1),) * len(stages), img_size=(8, 8))
        super().__init__(spec, num_classes=3)
        self.stem = stem or nn.Identity()
        self.stages = nn.ModuleList(stages)
        self.pool = pool or Reduce("b c h w -> b c", "sum")
        self.head = nn.Identity()


class Tokenise(nn.Module):
    """Pixels as tokens, a class token of zeros before them."""

    def forward(self, x: FeatureMap) -> TokenGrid:
        tokens = rearrange(x, "b c h w -> b (h w) c")
        return TokenGrid(torch.cat((torch.zeros_like(tokens[:, :1]), tokens), dim=1), x.shape[2], x.shape[3])


class CollectTokens(nn.Module):
    """The sum of all tokens goes into the class token."""

    def forward(self, x: TokenGrid) -> TokenGrid:
        return x._replace(tokens=torch.cat((x.tokens.sum(1, keepdim=True), x.tokens[:, 1:]), dim=1))


class ClassToken(nn.Module):
    """The first token alone is pooled."""

    def forward(self, tokens: Tokens) -> torch.Tensor:
        return tokens[:, 0]


def box_filter(side: int, channels: int = 3) -> nn.Conv2d:
    """Each channel averaged over side x side pixels."""
    conv = nn.Conv2d(channels, channels, side, padding=side // 2, groups=channels, bias=False)
    nn.init.constant_(conv.weight, 1 / side**2)
    return conv


def fingerprint(network: nn.Module) -> tuple[object, ...]:
    """All that a careful observer leaves as it was: weights, gradients, modes, hooks, random numbers."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    return (
        [(name, value.numpy().tobytes()) for name, value in state.items()],
        [None if p.grad is None else p.grad.numpy().tobytes() for p in network.parameters()],
        [p.requires_grad for p in network.parameters()],
        [(module.training, len(module._forward_hooks)) for module in network.modules()],
        torch.get_rng_state().numpy().tobytes(),
    )
