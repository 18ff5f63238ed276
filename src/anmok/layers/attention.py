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
    scale: float | None = None,
) -> Float[Tensor, "... n d"]:
    """For every query, the mean of the values, weighted by softmax(scale * q kᵀ + bias).

    Vaswani et al. 2017, arXiv:1706.03762, sec. 3.2; each head has its share of the channels. `bias` has an
    axis of heads before its last two, and broadcasts. `scale` is 1 / sqrt(d / num_heads) where none is given.
    """
    split = "... n (heads d) -> ... heads n d"
    q, k, v = (rearrange(x, split, heads=num_heads) for x in (q, k, v))
    attended = (_plain if _is_slow_fused(q, bias) else _fused)(q, k, v, bias, scale or q.shape[-1] ** -0.5)
    return rearrange(attended, "... heads n d -> ... n (heads d)")


def _fused(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, scale: float) -> Tensor:
    """With four axes all, since only then is attention on a CPU fused."""
    lead = q.shape[:-3]
    if bias is not None:
        bias = bias.to(q.dtype)
        bias = bias[None] if bias.ndim == 3 else bias.expand(*lead, *bias.shape[-3:]).flatten(0, -4)
    q, k, v = (x.flatten(0, -4) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale).unflatten(0, lead)


def _plain(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, scale: float) -> Tensor:
    weights = q * scale @ k.mT
    if bias is not None:
        weights += bias.to(weights.dtype)
    return weights.softmax(dim=-1) @ v


def _is_slow_fused(q: Tensor, bias: Tensor | None) -> bool:
    """Whether torch 2.13 trains fused attention more slowly than the plain products.

    On a CPU: in bfloat16 some three times; with a learnt bias it does not fuse it, which takes a tenth longer.
    """
    if q.device.type != "cpu" or not torch.is_grad_enabled():
        return False
    half = q.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")
    return half or (bias is not None and bias.requires_grad)


def check_heads(width: int, num_heads: int) -> None:
    """Raise `SpecError` where the heads cannot have equal shares of the channels."""
    if width % num_heads:
        raise SpecError(
            f"Attention splits its width evenly among heads: got width {width} and {num_heads} heads. "
            f"Choose a width that {num_heads} divides."
        )
