"""What every segmentation network is."""

from abc import ABC, abstractmethod

from torch import nn

from anmok.backbone.spec import Spec
from anmok.errors import SpecError
from anmok.shapes import Images, LogitMaps


class Segmenter(nn.Module, ABC):
    """Images -> a map of logits, one set for every pixel, or for those that it sees enough around of.

    The spec is that of its contracting path.
    """

    margin: int = 0  # pixels on each side of the image that get no logits

    @abstractmethod
    def __init__(self, spec: Spec, *, num_classes: int = 2, in_chans: int = 1) -> None:
        super().__init__()
        if min(num_classes, in_chans) < 1:
            raise SpecError(
                f"A segmentation network has 1 or more classes and 1 or more input channels: "
                f"got num_classes={num_classes} and in_chans={in_chans}. Name how many there are."
            )
        self.spec = spec
        self.num_classes = num_classes
        self.in_chans = in_chans

    @abstractmethod
    def forward(self, images: Images) -> LogitMaps:
        """Logits by place."""
