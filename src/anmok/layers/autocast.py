"""What autocast does to the operands of products, done before it."""

import torch
from jaxtyping import Float
from torch import Tensor


def for_products(x: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """The same numbers as a product will see them under autocast, so that moving them before it costs half."""
    device = x.device.type
    casts = x.dtype == torch.float32 and torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return x.to(torch.get_autocast_dtype(device)) if casts else x
