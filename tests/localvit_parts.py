"""The authors' local feed-forward from torch's own layers and under their names, and how hosts are compared with it."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from anmok.catalogue import create_model
from parity import relative_error


class HardSwish(nn.Module):
    def forward(self, x):
        return x * nn.functional.relu6(x + 3) / 6


class SqueezeExcite(nn.Module):
    def __init__(self, width, squeezed):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(width, squeezed), nn.ReLU(), nn.Linear(squeezed, width))

    def forward(self, x):
        gate = nn.functional.relu6(self.fc(x.mean((2, 3))) + 3) / 6
        return x * gate[:, :, None, None]


class LocalChange(nn.Module):
    """What the feed-forward adds to tokens of a grid: nothing to a class token. Fits where timm has an MLP."""

    def __init__(self, width, hidden, squeezed, height):
        super().__init__()
        self.height = height
        self.conv = nn.Sequential(
            nn.Conv2d(width, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            HardSwish(),
            nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            HardSwish(),
            *([SqueezeExcite(hidden, squeezed)] if squeezed else []),
            nn.Conv2d(hidden, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, tokens):
        placeless = tokens.shape[1] % self.height
        map = tokens[:, placeless:].transpose(1, 2).unflatten(2, (self.height, -1))
        change = self.conv(map).flatten(2).transpose(1, 2)
        return torch.cat((torch.zeros_like(tokens[:, :placeless]), change), dim=1)


def localise(block, width, height, *, hidden, squeezed):
    """Put the local feed-forward in place of a timm block's second norm and MLP."""
    for name in ("norm2", "norm_mlp"):
        if hasattr(block, name):
            setattr(block, name, nn.Identity())
    block.mlp = LocalChange(width, hidden, squeezed, height)


def compare(name, theirs, tensors, images: torch.Tensor, path: Path):
    """Assert equal logits of a preset and of a reference network, whose tensors are stored in the authors' layout."""
    save_file({k: v.contiguous() for k, v in tensors.items()}, path / "theirs.safetensors")
    size = tuple(images.shape[2:])
    ours = create_model(name, num_classes=10, img_size=size, pretrained=path / "theirs.safetensors")
    for training in (False, True):
        expected, logits = (model.train(training)(images) for model in (theirs, ours))
        assert relative_error(logits, expected) < 1e-5


# Equations, for float64.


def standardise(x, norm):
    """Batch norm with the batch's own statistics."""
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (variance + norm.eps).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]


def layer_norm(tokens, norm):
    mean, variance = tokens.mean(-1, keepdim=True), tokens.var(-1, keepdim=True, unbiased=False)
    return (tokens - mean) / (variance + norm.eps).sqrt() * norm.weight + norm.bias


def h_swish(x):
    return x * (x + 3).clamp(0, 6) / 6


def mix(x, conv):
    """1 x 1 convolution."""
    mixed = torch.einsum("oc,bchw->bohw", conv.weight[:, :, 0, 0], x)
    return mixed if conv.bias is None else mixed + conv.bias[:, None, None]


def depthwise(x, conv):
    """3 x 3 cross-correlation of each channel, as a sum of nine shifted images."""
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    height, width = x.shape[2:]
    return sum(
        conv.weight[:, 0, i, j, None, None] * padded[:, :, i : i + height, j : j + width]
        for i in range(3)
        for j in range(3)
    )


def feed_forward(x, layer):
    """X + g(f(f(X W1) * Wd)) W2."""
    parts = layer.branch
    y = h_swish(standardise(mix(x, parts.expand), parts.norm1))
    y = h_swish(standardise(depthwise(y, parts.mix_space), parts.norm2))
    if not isinstance(parts.excite, nn.Identity):
        squeezed = mix(y.mean((2, 3), keepdim=True), parts.excite.reduce).clamp(min=0)
        y = y * (mix(squeezed, parts.excite.expand) + 3).clamp(0, 6) / 6
    return x + standardise(mix(y, parts.reduce), parts.norm3)


def attention(q, k, v, num_heads):
    """Softmax attention of what is projected already, head by head."""
    each = q.shape[-1] // num_heads
    heads = [slice(i, i + each) for i in range(0, q.shape[-1], each)]
    weights = [(q[..., s] @ k[..., s].transpose(-2, -1) / each**0.5).softmax(-1) for s in heads]
    return torch.cat([w @ v[..., s] for w, s in zip(weights, heads, strict=True)], dim=-1)


def double(module):
    """In float64, with numbers that show every part."""
    for parameter in module.parameters():
        parameter.data.normal_()
    return module.double()
