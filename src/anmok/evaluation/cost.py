"""What a network costs: parameters, multiply-adds, latency, memory."""

import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode

from anmok.backbone.evaluating import evaluating

MEBIBYTE = 2**20


def count_params(network: nn.Module) -> int:
    """Number of trainable numbers."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@torch.no_grad()
def count_macs(network: nn.Module, height: int, width: int, *, in_chans: int = 3) -> int:
    """Multiply-adds of one image: convolutions and matrix products, attention's included; all else counts 0.

    Fused attention counts as nothing in torch's counter on a CPU, so it is taken apart while counting.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    image = torch.zeros(1, in_chans, height, width, device=device)
    with evaluating(network), attention_apart(), FlopCounterMode(display=False) as counter:
        network(image)
    return counter.get_total_flops() // 2


@contextmanager
def attention_apart() -> Iterator[None]:
    """Fused attention, and torch's fused Transformer layers, run as the matrix products that they consist of."""
    with fused_layers(enabled=False), sdpa_kernel(SDPBackend.MATH):
        yield


@contextmanager
def fused_layers(*, enabled: bool) -> Iterator[None]:
    """Whether torch's Transformer layers may run as one operator in inference; afterwards as before."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(enabled)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Time of one forward pass, milliseconds."""

    p50: float
    p95: float
    n: int


def measure_latencies(
    networks: Sequence[nn.Module], images: torch.Tensor, *, rounds: int = 5, repeats: int = 12
) -> list[Latency]:
    """Latency of each network, in eval mode, on the same batch (b, c, height, width); see `take_turns`."""
    return compare_latencies([(network, images) for network in networks], rounds=rounds, repeats=repeats)


@torch.no_grad()
def compare_latencies(
    tasks: Sequence[tuple[nn.Module, torch.Tensor]], *, rounds: int = 5, repeats: int = 12
) -> list[Latency]:
    """The same of networks that each have a batch of their own, or of one network on several."""

    def answer(network: nn.Module, images: torch.Tensor) -> None:
        network(images)
        if images.is_cuda:
            torch.cuda.synchronize()

    with ExitStack() as modes:
        for network, _ in tasks:
            modes.enter_context(evaluating(network))
        return take_turns([partial(answer, *task) for task in tasks], rounds=rounds, repeats=repeats)


def take_turns(runs: Sequence[Callable[[], object]], *, rounds: int = 5, repeats: int = 12) -> list[Latency]:
    """Latency of each run, measured in turns.

    Each round visits every run once, so that a disturbance of the machine meets them alike; of the rounds'
    medians the smallest is kept: what the machine does when it is left alone.
    """
    for run in runs:
        _times(run, 3)
    taken = [[_times(run, repeats) for run in runs] for _ in range(rounds)]
    best = [min((r[i] for r in taken), key=median) for i in range(len(runs))]
    return [Latency(p50=median(b), p95=quantiles(b, n=20)[-1], n=rounds * repeats) for b in best]


def _times(run: Callable[[], object], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return times


def measure_memory(network: nn.Module, images: torch.Tensor) -> float:
    """Peak memory of inference on a batch, MiB: weights, buffers, images and all live activations.

    Counted tensor by tensor, so it is exact and repeatable; scratch space inside one operator is not seen.
    """
    held = {t.untyped_storage() for t in [*network.parameters(), *network.buffers(), images]}
    return sum(s.nbytes() for s in held) / MEBIBYTE + measure_activations(network, images)


@torch.no_grad()
def measure_activations(network: nn.Module, images: torch.Tensor) -> float:
    """Of that memory all live activations, MiB."""
    with evaluating(network), _LiveBytes() as meter:
        network(images)
    return meter.peak / MEBIBYTE


class _LiveBytes(TorchDispatchMode):
    """Sum of the storages made by operators and not yet freed, and its peak, bytes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {t.untyped_storage()._cdata for t in tree_flatten((args, kwargs))[0] if isinstance(t, torch.Tensor)}
        for tensor in tree_flatten(result)[0]:
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage(), given)
        return result

    def _add(self, storage: torch.UntypedStorage, given: set[int]) -> None:
        key = storage._cdata
        if key in given or key in self._seen:
            return
        self._seen.add(key)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._free, key, storage.nbytes())

    def _free(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size
