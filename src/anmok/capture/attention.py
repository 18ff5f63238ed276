"""What attention looks at, captured from any network: timm's, torch's, transformers', or one's own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Weights = Float[Tensor, "b heads n m"]

_SOFTMAX = (torch.softmax, Tensor.softmax, F.softmax, torch.special.softmax)
_PRODUCTS = (
    torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.baddbmm, torch.einsum,
)  # fmt: skip
_EXACT = 1e-3  # how far from 1 a row of weights may sum to, in half precision too
_TORCHS = signature(F.multi_head_attention_forward)


@contextmanager
def captured_attention() -> Iterator[list[Weights]]:
    """The weights of every attention that runs inside, in order; each row sums to 1, or to 0 where all is masked.

    Fused attention (`scaled_dot_product_attention`) is computed once more in the open, with its mask, scale,
    causality and grouped queries. Attention written out is a softmax over the last of three axes or more and then a
    product of matrices with it, or with what became of it (gates), as long as rows sum to 1. The result of the
    network is not touched. Windows stand in the batch axis; so do heads that have no axis of their own. Run it
    inside `untouched`, without gradients. What is compiled, and attention without a softmax, is not seen.
    """
    found: list[Weights] = []
    with _Spy(found):
        yield found


class _Spy(TorchFunctionMode):
    """Sees every call of a torch function."""

    def __init__(self, found: list[Weights]) -> None:
        super().__init__()
        self._found = found
        self._waiting: dict[tuple[int, ...], Tensor] = {}  # softmaxes that nothing was multiplied with yet, by shape

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _PRODUCTS:
            self._match(args)
        result = func(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            self._keep(fused_weights(*args, **kwargs))
        elif func is F.multi_head_attention_forward:  # what runs inside of it is hidden, but it can tell
            told = _TORCHS.bind(*args, **kwargs).arguments
            told |= {"need_weights": True, "average_attn_weights": False, "training": False}
            weights = func(**told)[1].nan_to_num(0.0)
            self._keep(weights if weights.ndim == 4 else weights[None])
        elif func in _SOFTMAX and result.ndim >= 3 and _axis(args, kwargs) in (-1, result.ndim - 1):
            self._waiting[_shape(result)] = result.detach()
        return result

    def _match(self, args: Sequence[Any]) -> None:
        """A factor of the shape of a softmax is attention."""
        for factor in args:
            if isinstance(factor, Tensor) and factor.ndim >= 3 and _shape(factor) in self._waiting:
                softmax = self._waiting.pop(_shape(factor))
                rows = factor.sum(-1, dtype=torch.float32)
                whole = factor.amin() >= 0 and (rows - 1).abs().amax() < _EXACT
                if whole or softmax.ndim >= 4:  # heads were mixed, and rows are no shares any more
                    self._keep((factor if whole else softmax).clone())

    def _keep(self, weights: Tensor) -> None:
        self._found.append(with_four_axes(weights.detach()))


def with_four_axes(weights: Float[Tensor, "*any n m"]) -> Weights:
    """The axes before the heads as one; where there are no heads, one head."""
    weights = weights.unsqueeze(-3) if weights.ndim < 4 else weights
    return weights[None] if weights.ndim == 3 else weights.flatten(0, -4)


def fused_weights(  # noqa: PLR0913 - torch's
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,  # noqa: FBT001, FBT002 - torch's signature
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Float[Tensor, "*any n m"]:
    """softmax(scale * q kᵀ + mask) of torch's fused attention, whose arguments these are; a masked row is zero."""
    precision = torch.promote_types(query.dtype, torch.float32)
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    scores = query.to(precision) @ key.to(precision).mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~allowed, float("-inf"))
    if attn_mask is not None:
        boolean = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, float("-inf")) if boolean else scores + attn_mask
    return scores.softmax(-1).nan_to_num(0.0)


def _shape(weights: Tensor) -> tuple[int, ...]:
    """What moving heads and windows into the batch and back leaves as it is."""
    return weights.numel(), *weights.shape[-2:]


def _axis(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return kwargs["dim"] if "dim" in kwargs else args[1] if len(args) > 1 else None
