"""Large batches: Adam's steps, as long as the weights allow."""

from typing import Any

import torch
from torch import Tensor

from anmok.training.grouped import GroupedOptimizer
from anmok.training.sharded import norms, own


class Lamb(GroupedOptimizer):
    """Adam's step plus the decay, stretched in every tensor to the norm of its weights, times the learning rate.

    You et al. 2020, arXiv:1904.00962, alg. 2, with phi(z) = z. Tensors without weight decay take Adam's step
    unstretched, as is usual since NVIDIA's version. Gradients are not clipped here. All state is in tensors of each
    parameter, as in PyTorch's Adam, so that a training can be resumed to the bit.
    """

    def __init__(self, params: Any, *, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-6) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0})

    def _update(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        states = [self._state_of(p) for p in weights]
        steps, means, squares = (own(state[key] for state in states) for key in ("step", "exp_avg", "exp_avg_sq"))
        gradients, parts = own(p.grad for p in weights if p.grad is not None), own(weights)
        first, second = group["betas"]
        torch._foreach_add_(steps, 1)
        torch._foreach_lerp_(means, gradients, 1 - first)
        torch._foreach_mul_(squares, second)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - second)

        deviations = torch._foreach_sqrt(squares)
        torch._foreach_div_(deviations, [(1 - second ** float(step)) ** 0.5 for step in steps])
        torch._foreach_add_(deviations, group["eps"])
        updates = torch._foreach_div(means, [1 - first ** float(step) for step in steps])
        torch._foreach_div_(updates, deviations)
        if group["weight_decay"]:
            torch._foreach_add_(updates, parts, alpha=group["weight_decay"])
            lengths = zip(norms(parts, weights[0]), norms(list(updates), weights[0]), strict=True)
            torch._foreach_mul_(updates, [torch.where((w > 0) & (u > 0), w / u, 1.0) for w, u in lengths])
        torch._foreach_add_(parts, updates, alpha=-group["lr"])

    def _state_of(self, weight: Tensor) -> dict[str, Tensor]:
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
            state["exp_avg_sq"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        return state
