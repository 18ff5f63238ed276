"""Linear maps whose fp32 products run at full speed on a CPU.

torch 2.13 gives such products to MKL, which leaves the wide vectors of other makers' CPUs unused: oneDNN, which torch
brings too, is about twice as fast there, and as fast elsewhere.
"""

from math import prod
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.utils.flop_counter import register_flop_formula

_FEW = 4  # rows, and
SMALL = 2**21  # multiplications, below which a call to oneDNN costs more than it saves


class Linear(nn.Linear):
    """`nn.Linear`, its products by `product`."""

    def forward(self, input: Float[Tensor, "*b c"]) -> Float[Tensor, "*b d"]:
        """The mapped rows."""
        return product(input, self.weight, self.bias)


def product(x: Float[Tensor, "*b c"], weight: Float[Tensor, "d c"], bias: Tensor | None) -> Float[Tensor, "*b d"]:
    """`torch.nn.functional.linear`, by oneDNN where that is faster."""
    if not runs_on_onednn(x) or x.shape[:-1].numel() < _FEW or x.numel() * weight.shape[0] < SMALL:
        return linear(x, weight, bias)
    if not torch.is_grad_enabled():
        return _onednn(x, weight, bias)
    rows = _Product.apply(rearrange(x, "... c -> (...) c"), weight, bias)  # type: ignore[no-untyped-call]
    return rows.unflatten(0, x.shape[:-1])


def runs_on_onednn(x: Tensor) -> bool:
    """Whether this is plain fp32 work on a CPU with AVX-512, outside compilers, which choose for themselves."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    followed = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return plain and _CAPABLE and not followed


_CAPABLE = (
    torch.backends.mkldnn.is_available()
    and torch.backends.cpu.get_cpu_capability() == "AVX512"
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _onednn(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        x, weight, _ = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        grad_x = product(grad, weight.t(), None) if wants_x else None
        grad_weight = product(grad.t(), x.t(), None) if wants_weight else None
        return grad_x, grad_weight, grad.sum(0) if wants_bias else None


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


if _CAPABLE:

    @register_flop_formula(torch.ops.mkldnn._linear_pointwise)
    def _operations(rows: Any, weight: Any, *_: Any, out_shape: Any) -> int:
        return 2 * prod(out_shape) * weight[1]
