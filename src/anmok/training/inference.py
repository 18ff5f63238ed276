"""What a network answers for a split."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from anmok.data import BatchSource, Variation, vary
from anmok.training.device import autocast, resolve
from anmok.training.distributed import agree_on_buffers, gathered, summed, this_part
from anmok.training.recipe import Precision


def share_correct(network: nn.Module, batches: BatchSource, device: torch.device) -> float:
    """Accuracy on a split, in [0, 1]; in the precision that trains. Every image counts once, whoever looks at it."""
    hits = total = 0
    for logits, labels in _answers(network, batches, device, resolve(Precision.AUTO, device)):
        hits += int((logits.argmax(1) == labels).sum())
        total += len(labels)
    hits, total = summed(torch.tensor([hits, total], device=device)).tolist()
    return hits / total


def probabilities(
    network: nn.Module, batches: BatchSource, device: torch.device, *, mirror: bool = False
) -> np.ndarray:
    """Class probabilities of every image of a split, in its order, (n, k); in fp32.

    With `mirror`, of the mean of the logits for the image and for its mirror image.
    """
    answers = _answers(network, batches, device, Precision.FP32, mirror=mirror)
    parts = [logits.softmax(1).cpu().numpy() for logits, _ in answers]
    return np.concatenate([part for parts in gathered(parts) for part in parts])


def _answers(
    network: nn.Module, batches: BatchSource, device: torch.device, precision: Precision, *, mirror: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    network.eval()
    agree_on_buffers(network)
    for pixels, labels, draws in batches.epoch(0, part=this_part()):
        with torch.inference_mode(), autocast(precision, device):
            images = vary(pixels.to(device), Variation(), draws).contiguous(memory_format=torch.channels_last)
            logits = network(images).float()
            if mirror:
                logits = (logits + network(images.flip(3)).float()) / 2
        yield logits, labels.to(device)
