"""A network's heads, as its training sees them."""

from torch import Tensor, nn

from anmok.shapes import Images


class AllHeads(nn.Module):
    """A network whose `forward`, which engines wrap and compile, gives what the losses see."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Images) -> list[Tensor]:
        """The head's logits, then those of heads that only training uses."""
        several = getattr(self.network, "training_logits", None)
        return several(images) if several else [self.network(images)]
