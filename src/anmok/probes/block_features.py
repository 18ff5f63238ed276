"""What the blocks of any network see in images, as far as they are compared."""

from typing import Any, NamedTuple

import numpy as np
import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.capture import as_map, as_tensor, find_blocks
from anmok.capture.watching import watching
from anmok.probes.similarity import LEAST, centred_kernel
from anmok.probes.subject import Subject
from anmok.shapes import Embedding, Images


class BlockFeatures(NamedTuple):
    """By block, in the order of execution; what puts out no tensor with a row for each image is left out."""

    kernels: dict[str, Float[np.ndarray, "batches n n"]]  # of whole batches; none where they are too small
    pooled: dict[str, Float[np.ndarray, "n d"]]  # mean over places
    embedding: Float[np.ndarray, "n d"] | None  # what the linear head takes, or else the last block's mean


class _Batch(NamedTuple):
    size: int
    kernels: dict[str, Tensor]
    pooled: dict[str, Tensor]
    taken: list[Tensor]  # by the head


@torch.no_grad()
def block_features(subject: Subject, count: int, at_once: int) -> BlockFeatures:
    """Look at the first images, batch by batch; run it inside `untouched`."""
    first = subject.images(at_once)
    blocks, head = find_blocks(subject.network, first), _head(subject.network, first)
    batches = [_batch(subject, images, blocks, head) for images in subject.chunks(count, at_once=at_once)]
    whole = [batch.kernels for batch in batches if batch.size == len(first)]
    names = [name for name in blocks if all(name in batch.pooled for batch in batches)]
    pooled = {name: torch.cat([batch.pooled[name] for batch in batches]).numpy() for name in names}
    taken = [row for batch in batches for row in batch.taken]
    return BlockFeatures(
        kernels={n: torch.stack([kernels[n] for kernels in whole]).numpy() for n in names if n in whole[0]},
        pooled=pooled,
        embedding=torch.cat(taken).numpy() if taken else next(reversed(pooled.values()), None),
    )


def _batch(subject: Subject, images: Images, blocks: dict[str, nn.Module], head: dict[str, nn.Module]) -> _Batch:
    kernels: dict[str, Tensor] = {}
    pooled: dict[str, Tensor] = {}
    taken: dict[str, Tensor] = {}

    def look(name: str, given: Any, output: Any) -> None:
        x = as_tensor(output)
        if name in blocks and x is not None and x.ndim > 1 and len(x) == len(images):
            pooled[name] = _pool(output, x, subject.size).cpu().double()
            if len(images) >= LEAST:
                kernels[name] = centred_kernel(x.flatten(1).float())
        if name in head and isinstance(given, Tensor):
            taken[name] = given.cpu().double()

    with watching(blocks | head, look):
        subject.network(images)
    return _Batch(len(images), kernels, pooled, list(taken.values()))


def _pool(output: Any, x: Tensor, size: tuple[int, int]) -> Embedding:
    """Mean over places: of a map, of tokens, or of whatever comes after the channels."""
    map = as_map(output, size)
    if map is not None:
        return reduce(map, "b c h w -> b c", "mean")
    if x[0].numel() == max(x.shape[1:]):  # one place
        return x.flatten(1)
    return reduce(x, "b n d -> b d", "mean") if x.ndim == 3 else x.flatten(2).mean(2)


def _head(network: nn.Module, images: Images) -> dict[str, nn.Module]:
    """The linear layer whose output is the network's answer; none where there is no such layer."""
    layers = {name: m for name, m in network.named_modules() if isinstance(m, nn.Linear)}
    given: dict[str, Tensor] = {}

    def look(name: str, taken: Any, output: Any) -> None:
        if isinstance(taken, Tensor) and taken.ndim == 2:
            given[name] = output

    with watching(layers, look):
        answer = as_tensor(network(images))
    found = [n for n, output in given.items() if answer is not None and torch.equal(output, answer)]
    return {name: layers[name] for name in found[-1:]}
