"""What our optimisers have in common."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class GroupedOptimizer(torch.optim.Optimizer):
    """Moves the weights of one group after another; a subclass says how."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step along the gradients that there are."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            if weights:
                self._update(weights, group)
        return loss

    @abstractmethod
    def _update(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """Move weights that have gradients, as their group has it."""
