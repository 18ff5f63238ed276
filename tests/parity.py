"""What parity tests share: numbers that show a tensor in the wrong place, and how far two answers are apart."""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def scatter(model: nn.Module) -> None:
    """Random numbers for what starts at zero or one, so that a tensor in the wrong place shows."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(0.1 * torch.randn(buffer.shape, generator=generator))
        if name.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).detach().norm() / expected.detach().norm())


def answers(ours: nn.Module, theirs: nn.Module, images: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """What both answer, in eval mode and then in train mode.

    In float64 while training with batch norms: over the few places of a small map these blow up the rounding of either.
    """
    for training in (False, True):
        if training and any(isinstance(module, _BatchNorm) for module in ours.modules()):
            ours, theirs, images = ours.double(), theirs.double(), images.double()
        found, expected = (model.train(training)(images) for model in (ours, theirs))
        yield found, expected if isinstance(expected, torch.Tensor) else expected.logits
