"""What a pretrained network sees in images, kept for every score: one pass."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float32, Int, Int64
from torch import Tensor, nn

from anmok.backbone.evaluating import evaluating
from anmok.data import BatchSource, CenterCrop, ImageData, Loader, Order, Variation, vary
from anmok.errors import RequestError

_BATCH = 64  # images that a network sees at once


@dataclass(frozen=True, kw_only=True)
class FrozenFeatures:
    """The embedding of each image, and what the pretrained head answers, where there is one."""

    features: Float32[np.ndarray, "n d"]
    labels: Int64[np.ndarray, " n"]
    source_probabilities: Float32[np.ndarray, "n z"] | None = None


def frozen_features(network: nn.Module, source: BatchSource, device: torch.device | None = None) -> FrozenFeatures:
    """Show a source's first epoch to a network with timm's protocol: the zoo's, or timm's own.

    That is `forward_features`, `forward_head(x, pre_logits=True)` and `pretrained_cfg`, whose mean and deviation are
    applied. The network is moved to the device, if one is given, and is otherwise left as it was; on CUDA it computes
    in bf16, elsewhere in fp32. A head counts as pretrained where it has the classes of the weights.
    """
    if device is not None:
        network.to(device)
    device = next(network.parameters()).device
    seen: Any = network  # a module's attributes have no types
    config, headed = _config(network), _has_pretrained_head(network)
    rows, probabilities, labels = [], [], []
    with evaluating(network):
        for pixels, own_labels, draws in source.epoch(0):
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                state = seen.forward_features(_prepared(vary(pixels.to(device), Variation(), draws), config))
                rows.append(seen.forward_head(state, pre_logits=True).float().cpu())
                if headed:
                    probabilities.append(seen.forward_head(state).float().softmax(1).cpu())
            labels.append(own_labels)
    if not rows:
        raise RequestError("Features are those of images: got a source without any. Give one image at least.")
    return FrozenFeatures(
        features=torch.cat(rows).flatten(1).numpy(),
        labels=torch.cat(labels).numpy(),
        source_probabilities=torch.cat(probabilities).numpy() if probabilities else None,
    )


def loader(network: nn.Module, data: ImageData, ids: Int[np.ndarray, " n"]) -> Loader:
    """Images of a data set, in this order, at the size and with the central crop that the network's weights know."""
    config = _config(network)
    return Loader(
        data=data,
        order=Order(ids, batch_size=_BATCH, seed=None),
        size=config["input_size"][1],
        crop=CenterCrop(crop_share=config["crop_pct"]),
        memory=0,  # each image is read once
    )


def _config(network: nn.Module) -> dict[str, Any]:
    config = getattr(network, "pretrained_cfg", None)
    if not isinstance(config, dict) or not hasattr(network, "forward_head"):
        raise RequestError(
            f"Features are taken by timm's protocol: {type(network).__name__} lacks pretrained_cfg or forward_head. "
            "Build the network with anmok.create_model or timm.create_model."
        )
    return config


def _has_pretrained_head(network: nn.Module) -> bool:
    classes = getattr(network, "num_classes", 0)
    return classes > 1 and classes == _config(network)["num_classes"]


def _prepared(images: Float[Tensor, "b c height width"], config: dict[str, Any]) -> Float[Tensor, "b c height width"]:
    mean, std = (rearrange(torch.tensor(config[key], device=images.device), "c -> c 1 1") for key in ("mean", "std"))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)
