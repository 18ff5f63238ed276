"""Scaled dot-product attention with several heads."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from anmok.errors import SpecError


def attend(
    q: Float[Tensor, "... n d"],
    k: Float[Tensor, "... m d"],
    v: Float[Tensor, "... m d"],
    *,
    num_heads: int,
    bias: Float[Tensor, "... n m"] | None = None,
) -> Float[Tensor, "... n d"]:
    """For every query, the mean of the values, weighted by softmax(q kᵀ / sqrt(d / num_heads) + bias).

    Vaswani et al. 2017, arXiv:1706.03762, sec. 3.2; each head has its share of the channels. `bias` has an
    axis of heads before its last two, and broadcasts.
    """
    split = "... n (heads d) -> ... heads n d"
    q, k, v = (rearrange(x, split, heads=num_heads) for x in (q, k, v))
    if bias is not None and _learns(bias):
        weights = (q * q.shape[-1] ** -0.5 @ k.mT + bias).softmax(dim=-1)
        attended = weights.to(v.dtype) @ v
    else:
        attended = _fused(q, k, v, bias)
    return rearrange(attended, "... heads n d -> ... n (heads d)")


def _fused(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """With four axes all, since only then is attention on a CPU fused."""
    lead = q.shape[:-3]
    if bias is not None:
        bias = bias.to(q.dtype)
        bias = bias[None] if bias.ndim == 3 else bias.expand(*lead, *bias.shape[-3:]).flatten(0, -4)
    q, k, v = (x.flatten(0, -4) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=bias).unflatten(0, lead)


def _learns(bias: Tensor) -> bool:
    """Whether a CPU could not fuse attention: without that, the plain products take a tenth less time."""
    return bias.device.type == "cpu" and bias.requires_grad and torch.is_grad_enabled()


def check_heads(width: int, num_heads: int) -> None:
    """Raise `SpecError` where the heads cannot have equal shares of the channels."""
    if width % num_heads:
        raise SpecError(
            f"Attention splits its width evenly among heads: got width {width} and {num_heads} heads. "
            f"Choose a width that {num_heads} divides."
        )
