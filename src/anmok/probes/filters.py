"""Images in [0, 1] with something taken away."""

from math import ceil

import torch
from einops import reduce, repeat
from torch.nn import functional as F

from anmok.shapes import Images

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def blurred(images: Images, sigma: float) -> Images:
    """A Gaussian low-pass filter, cut at 3 sigma; the border is continued. `sigma` 0 leaves the images."""
    if sigma == 0:
        return images
    radius = ceil(3 * sigma)
    places = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    weights = (-(places**2) / (2 * sigma**2)).exp()
    kernel = repeat(weights / weights.sum(), "size -> c 1 size", c=images.shape[1])
    rows = F.pad(images, (radius, radius, radius, radius), mode="replicate")
    rows = F.conv2d(rows, kernel[:, :, None, :], groups=images.shape[1])
    return F.conv2d(rows, kernel[:, :, :, None], groups=images.shape[1])


def grey(images: Images) -> Images:
    """Luma in every channel; the mean where there are not three."""
    channels = images.shape[1]
    if channels == 3:
        luma = torch.tensor(_LUMA, dtype=images.dtype, device=images.device)[:, None, None]
        single = reduce(images * luma, "b c height width -> b 1 height width", "sum")
    else:
        single = reduce(images, "b c height width -> b 1 height width", "mean")
    return repeat(single, "b 1 height width -> b c height width", c=channels)


def edges(images: Images) -> Images:
    """Sobel's gradient magnitude of the grey image, dark on white, the strongest edge of each image black."""
    slope = torch.tensor([-1.0, 0.0, 1.0], dtype=images.dtype, device=images.device)
    smooth = torch.tensor([1.0, 2.0, 1.0], dtype=images.dtype, device=images.device)
    across = smooth[:, None] * slope
    kernels = torch.stack((across, across.T))[:, None]
    single = F.pad(grey(images)[:, :1], (1, 1, 1, 1), mode="replicate")
    magnitude = F.conv2d(single, kernels).norm(dim=1, keepdim=True)
    strongest = reduce(magnitude, "b 1 height width -> b 1 1 1", "max").clamp(min=1e-4)
    return repeat(1 - magnitude / strongest, "b 1 height width -> b c height width", c=images.shape[1])
