"""What a network answers for a split."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from anmok.data import BatchSource, Variation, vary
from anmok.shapes import Images, Labels, Logits
from anmok.training.device import autocast, resolve
from anmok.training.distributed import agree_on_buffers, gathered, summed, this_part
from anmok.training.recipe import Precision

VIEWS = (1, 2, 6)  # of an image, that an answer can be the mean over


def share_correct(network: nn.Module, batches: BatchSource, device: torch.device) -> float:
    """Accuracy on a split, in [0, 1]; in the precision that trains. Every image counts once, whoever looks at it."""
    return share_right(_answers(network, batches, device, resolve(Precision.AUTO, device)), device)


def share_right(answers: Iterable[tuple[Logits, Labels]], device: torch.device) -> float:
    """The same of logits and labels, batch after batch, wherever they come from; over all processes."""
    hits = total = 0
    for logits, labels in answers:
        hits += int((logits.argmax(1) == labels).sum())
        total += len(labels)
    hits, total = summed(torch.tensor([hits, total], device=device)).tolist()
    return hits / total


def probabilities(network: nn.Module, batches: BatchSource, device: torch.device, *, views: int = 1) -> np.ndarray:
    """Class probabilities of every image of a split, in its order, (n, k); in fp32.

    Those of the mean of the logits over 1, 2 or 6 `views`: the image; its mirror image too; both shifted as well.
    """
    answers = _answers(network, batches, device, Precision.FP32, views)
    parts = [logits.softmax(1).cpu().numpy() for logits, _ in answers]
    return np.concatenate([part for parts in gathered(parts) for part in parts])


def _answers(
    network: nn.Module, batches: BatchSource, device: torch.device, precision: Precision, views: int = 1
) -> Iterator[tuple[Tensor, Tensor]]:
    network.eval()
    agree_on_buffers(network)
    for pixels, labels, draws in batches.epoch(0, part=this_part()):
        with torch.inference_mode(), autocast(precision, device):
            images = vary(pixels.to(device), Variation(), draws).contiguous(memory_format=torch.channels_last)
            logits = _mean_logits(network, images, views)
        yield logits, labels.to(device)


def _mean_logits(network: nn.Module, images: Images, views: int) -> Logits:
    """Over the views; shifted ones move by 1/32 of the side to two corners, and count half (Jordan 2024, sec. 3.5)."""

    def either_way(seen: Images) -> Logits:
        return (network(seen).float() + network(seen.flip(3)).float()) / 2

    if views == 1:
        return network(images).float()
    if views == 2:
        return either_way(images)
    far = 2 * max(1, images.shape[3] // 32)
    bordered = functional.pad(images, (far // 2,) * 4, mode="reflect")
    corners = either_way(bordered[:, :, :-far, :-far]) + either_way(bordered[:, :, far:, far:])
    return either_way(images) / 2 + corners / 4
