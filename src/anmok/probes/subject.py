"""A network, and the images that it is looked at with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn

from anmok.backbone import Backbone
from anmok.shapes import Images, Labels, Pixels


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What every probe is given. Probes take the first images, as many as each needs."""

    name: str
    network: nn.Module  # images in [0, 1] (b, c, height, width) -> logits (b, k), or an embedding
    pixels: Pixels  # all of one size, in an order without meaning; noise where the user gave no images
    source: str  # of the images, in words
    labels: Labels | None = None  # classes of the network's logits; None where it does not know them
    trained: bool = False  # weights that learned something: some questions make no sense without
    seed: int = 0

    @property
    def device(self) -> torch.device:
        """Where the network is; a network without tensors is on the CPU."""
        tensors = (*self.network.parameters(), *self.network.buffers())
        return tensors[0].device if tensors else torch.device("cpu")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images, pixels."""
        height, width = self.pixels.shape[2:]
        return height, width

    @property
    def backbone(self) -> Backbone | None:
        """The backbone of ours that the network is or holds; networks from elsewhere hide behind their logits."""
        return next((m for m in self.network.modules() if isinstance(m, Backbone) and len(m.stages)), None)

    def images(self, count: int | None = None, *, start: int = 0) -> Images:
        """Some images in [0, 1] on the network's device; all from `start` where there are fewer, or no count."""
        chosen = self.pixels[start : None if count is None else start + count]
        return chosen.to(self.device).float().div_(255)

    def chunks(self, count: int | None = None, *, at_once: int = 32) -> Iterator[Images]:
        """The first `count` images, a few at a time."""
        total = len(self.pixels) if count is None else min(count, len(self.pixels))
        for start in range(0, total, at_once):
            yield self.images(min(at_once, total - start), start=start)

    def with_pixels(self, pixels: Pixels) -> "Subject":
        """The same network and labels before other images."""
        return replace(self, pixels=pixels)


class Normalised(nn.Module):
    """A network that was trained on normalised images, for images in [0, 1]."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, images: Images) -> torch.Tensor:
        """What the network answers; of several answers the first, by name the logits."""
        answer = self.network((images - self.mean) / self.std)
        answer = getattr(answer, "logits", answer)
        return answer[0] if isinstance(answer, tuple | list) else answer


def pink_noise(count: int, channels: int, height: int, width: int, *, seed: int = 0) -> Pixels:
    """Images whose amplitude falls as 1 / frequency, as natural images' does (Field 1987), each over the full range."""
    generator = torch.Generator().manual_seed(seed)
    white = torch.randn(count, channels, height, width, generator=generator)
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    frequency = (rows**2 + columns**2).sqrt().clamp(min=1 / max(height, width))
    pink = torch.fft.irfft2(torch.fft.rfft2(white) / frequency, s=(height, width))
    low, high = pink.amin((1, 2, 3), keepdim=True), pink.amax((1, 2, 3), keepdim=True)
    return ((pink - low) / (high - low).clamp(min=1e-12) * 255).round().to(torch.uint8)
