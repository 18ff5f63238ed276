"""Looking at any network without leaving a trace in it or in the random numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from anmok.backbone.evaluating import evaluating


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Eval mode, random numbers of our own, and attention that is not hidden in one fused layer.

    Probes take no `backward()`, which would add to gradients: they ask `torch.autograd.grad`.
    """
    fastpath = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with evaluating(network), torch.random.fork_rng():
            torch.manual_seed(0)
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
