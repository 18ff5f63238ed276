"""What stands for "not there" in an explanation: the image without its detail."""

import torch
from einops import repeat
from torch.nn import functional as F

from anmok.shapes import Images

SPREAD = 0.2  # standard deviation of the blur, of the shorter side


def blurred(images: Images) -> Images:
    """Gaussian blur, border pixels repeated: colour and light stay about where they were, shapes and texture go.

    A grey or black patch would bring edges of its own, and what is black or grey already could not be taken away.
    """
    channels = images.shape[1]
    deviation = SPREAD * min(images.shape[2:])
    reach = int(3 * deviation) + 1
    places = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    weights = (-((places / deviation) ** 2) / 2).softmax(0)
    bordered = F.pad(images, (reach,) * 4, mode="replicate")
    rows = F.conv2d(bordered, repeat(weights, "k -> c 1 k 1", c=channels), groups=channels)
    return F.conv2d(rows, repeat(weights, "k -> c 1 1 k", c=channels), groups=channels)
