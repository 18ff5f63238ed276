"""Looking at any network without leaving a trace in it or in the random numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from anmok.backbone.evaluating import evaluating


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Eval mode, random numbers of our own, and attention that is not hidden in one fused layer.

    What the network itself writes into its buffers is put back. Probes take no `backward()`, which would add to
    gradients: they ask `torch.autograd.grad`.
    """
    fastpath = torch.backends.mha.get_fastpath_enabled()
    held = [(m, name, b, b.clone()) for m in network.modules() for name, b in m._buffers.items() if b is not None]
    devices = sorted({p.device.index for p in (*network.parameters(), *network.buffers()) if p.is_cuda})
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with evaluating(network), torch.random.fork_rng(devices):
            torch.manual_seed(0)
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
        for module, name, buffer, value in held:
            setattr(module, name, _like(buffer, value))


@torch.no_grad()
def _like(buffer: Tensor, value: Tensor) -> Tensor:
    """The buffer, with the value that it had; not written to where it has it still."""
    return buffer if torch.equal(buffer, value) else buffer.copy_(value)
