"""Steps of equal length in all directions: the momentum of every matrix, orthogonalised."""

from collections.abc import Iterable
from math import sqrt
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.optim.adamw import adamw

from anmok.training.grouped import GroupedOptimizer
from anmok.training.sharded import part_like, whole

_ROUNDS = 5  # of Newton and Schulz
_QUINTIC = (3.4445, -4.7750, 2.0315)  # of the polynomial that takes singular values to about 1; Jordan's
_ADAM_STEP = 0.2  # root mean square of a step of AdamW, which those of matrices are given


class Muon(GroupedOptimizer):
    """Nesterov's momentum, orthogonalised, in groups with `orthogonal`; AdamW's step in all others.

    Jordan et al. 2024, https://kellerjordan.github.io/posts/muon. Kernels count as matrices with a row per output
    channel. Steps are as long as those of AdamW, whose learning rates and decays therefore fit (Liu et al. 2025,
    arXiv:2502.16982, eq. 4). All state is in tensors of each parameter, so that a training can be resumed to the bit.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        *,
        lr: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps, "weight_decay": 0.0}
        super().__init__(params, defaults | {"orthogonal": False})

    def _update(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        (self._orthogonal_step if group["orthogonal"] else self._adam_step)(weights, group)

    def _orthogonal_step(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [p.grad for p in weights if p.grad is not None]
        means = [self._state_of(p, "momentum_buffer")["momentum_buffer"] for p in weights]
        torch._foreach_mul_(means, group["momentum"])
        torch._foreach_add_(means, gradients)
        directions = torch._foreach_add(gradients, means, alpha=group["momentum"])
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        for weight, direction in zip(weights, directions, strict=True):
            full = whole(direction)  # rows of a matrix that others have take part too
            matrix = rearrange(full, "out ... -> out (...)")
            length = _ADAM_STEP * sqrt(max(matrix.shape))
            step = orthogonalised(matrix).view_as(full)
            weight.add_(part_like(step, weight), alpha=-group["lr"] * length)

    def _adam_step(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        states = [self._state_of(p, "exp_avg", "exp_avg_sq", "step") for p in weights]
        first, second = group["betas"]
        adamw(
            weights,
            [p.grad for p in weights if p.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            foreach=True,
            amsgrad=False,
            beta1=first,
            beta2=second,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def _state_of(self, weight: Tensor, *names: str) -> dict[str, Tensor]:
        state = self.state[weight]
        if not state:
            for name in names:
                state[name] = torch.zeros(()) if name == "step" else torch.zeros_like(weight)
        return state


def orthogonalised(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """About the nearest matrix with orthonormal rows or columns: singular values from 0.7 to 1.2.

    A few rounds of the polynomial a x + b x^3 + c x^5 of the singular values, in bf16, which is enough.
    """
    a, b, c = _QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(_ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x.T if tall else x).to(matrix.dtype)
