"""What attention looks at, captured from any network: timm's, torch's, transformers', or one's own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import sqrt
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Weights = Float[Tensor, "b heads n m"]

_SOFTMAX = (torch.softmax, Tensor.softmax, F.softmax, torch.special.softmax)


@contextmanager
def captured_attention() -> Iterator[list[Weights]]:
    """The weights of every attention that runs inside, in order; each row sums to 1.

    Fused attention (`scaled_dot_product_attention`) is computed once more in the open, with its mask, scale,
    causality and grouped queries; else a softmax over the last of at least four axes is taken for one. The result of
    the network is not touched. Windows stand in the batch axis. Run it inside `untouched`, without gradients.
    """
    found: list[Weights] = []
    with _Spy(found):
        yield found


class _Spy(TorchFunctionMode):
    """Sees every call of a torch function."""

    def __init__(self, found: list[Weights]) -> None:
        super().__init__()
        self._found = found
        self._inside = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            self._keep(fused_weights(*args, **kwargs))
        elif func is F.multi_head_attention_forward:  # what runs inside of it is hidden, but it can tell
            told = func(*args, **{**kwargs, "need_weights": True, "average_attn_weights": False})[1]
            self._keep(told if told.ndim == 4 else told[None])
        elif func in _SOFTMAX and result.ndim >= 4 and _axis(args, kwargs) in (-1, result.ndim - 1):
            self._keep(result)
        return result

    def _keep(self, weights: Tensor) -> None:
        self._found.append(weights.detach().flatten(0, -4))


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
) -> Float[Tensor, "... heads n m"]:
    """softmax(scale * q kᵀ + mask) of torch's fused attention, whose arguments these are."""
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    scores = query.float() @ key.float().mT * (1 / sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~allowed, float("-inf"))
    if attn_mask is not None:
        boolean = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, float("-inf")) if boolean else scores + attn_mask
    weights = scores.softmax(-1)
    return weights if weights.ndim >= 4 else weights[None].flatten(0, -4)[None]


def _axis(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return kwargs["dim"] if "dim" in kwargs else args[1] if len(args) > 1 else None
