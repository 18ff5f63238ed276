"""A segmentation network with the preprocessing it was trained with, and what it says of an image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import nn
from torch.nn.functional import interpolate

from anmok.backbone import Segmenter
from anmok.catalogue import create_segmenter
from anmok.shapes import Images, LogitMaps
from anmok.tasks.overlap_tile import segment
from anmok.training.pretrained import preprocessing
from anmok.training.recipe import Recipe
from anmok.zoo.unet import PaddedUNet


class ImageSegmenter(nn.Module):
    """Normalisation, then the network: images in [0, 1] -> logits of the pixels that have enough around them."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: Segmenter, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network, self.spec, self.margin = network, network.spec, network.margin
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, images: Images) -> LogitMaps:
        """Logits of all pixels that are `margin` or more away from the border."""
        mean, std = (rearrange(t, "c -> c 1 1") for t in (self.mean, self.std))
        return self.network((images - mean) / std)


def build_segmenter(
    name: str,
    config: Mapping[str, Any],
    recipe: Recipe,
    pretrained: bool | str | Path,  # noqa: FBT001 - as in create_model
) -> ImageSegmenter:
    """A preset for these classes; `skips` in the config, where it is false, is the ablation of `create_segmenter`."""
    network = create_segmenter(
        name,
        pretrained,
        num_classes=len(config["classes"]),
        drop_rate=recipe.drop_rate,
        drop_path_rate=recipe.drop_path_rate,
        skips=config.get("skips", True),
    )
    mean, std = tuple(config["mean"]), tuple(config["std"])
    if pretrained and isinstance(network, PaddedUNet):
        mean, std = preprocessing(pretrained, network.encoder.model)
    return ImageSegmenter(network, mean, std)


@torch.inference_mode()
def logits_of(network: nn.Module, pixels: UInt8[np.ndarray, "3 height width"]) -> Float[torch.Tensor, "1 k h w"]:
    """What an `ImageSegmenter` says of all pixels of an image, where its weights lie."""
    segmenter = cast(ImageSegmenter, network)
    images = torch.from_numpy(pixels).to(segmenter.mean.device)[None].float().div_(255)
    return segment(segmenter, images.contiguous(memory_format=torch.channels_last)).float()


def classes_of(logits: Float[torch.Tensor, "1 k h w"], height: int, width: int) -> UInt8[np.ndarray, "height width"]:
    """The most probable class of each pixel of an image that may be larger than its logits' map: bilinear."""
    if logits.shape[2:] == (height, width):
        return logits[0].argmax(0).to(torch.uint8).cpu().numpy()
    best = logits.new_full((height, width), -torch.inf)
    classes = torch.zeros(height, width, dtype=torch.uint8, device=logits.device)
    for label in range(logits.shape[1]):  # one after another: all enlarged maps together may not fit in memory
        enlarged = interpolate(logits[:, label : label + 1], (height, width), mode="bilinear")[0, 0]
        classes[enlarged > best] = label
        best = torch.maximum(best, enlarged)
    return classes.cpu().numpy()
