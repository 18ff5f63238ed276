"""How the weights of Transformers, and of what descends from them, start."""

from torch import nn


def truncated_normal(module: nn.Module) -> None:
    """Draw a linear layer's weights from N(0, 0.02²), cut at ±2, and zero its bias; for `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
