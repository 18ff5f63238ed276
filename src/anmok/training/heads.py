"""A network's heads, as its training sees them."""

from typing import Any

from torch import Tensor, nn


class AllHeads(nn.Module):
    """A network whose `forward`, which engines wrap and compile, gives what the losses see."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Any) -> list[Tensor]:
        """The head's logits, then those of heads that only training uses."""
        several = getattr(self.network, "training_logits", None)
        return several(*inputs) if several else [self.network(*inputs)]
