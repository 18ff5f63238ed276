"""The processes that train together, as `torchrun` starts them; a process alone is a group of one."""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from types import FrameType
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from anmok.data import WHOLE, Part
from anmok.errors import TrainingError
from anmok.training.device import default_device
from anmok.training.sharded import is_sharded

_PATIENCE = timedelta(days=7)  # with the first process, which may have a million images to look at
_hosts: list[distributed.ProcessGroup] = []  # the processes as they talk of what is not on an accelerator
_LOST = ("connection closed by peer", "connection reset by peer", "broken pipe", "timed out waiting", "socket timeout")


def this_part() -> Part:
    """Which share of the work is this process's."""
    if distributed.is_available() and distributed.is_initialized():
        return Part(distributed.get_rank(), distributed.get_world_size())
    return WHOLE


def is_first() -> bool:
    """Whether this process is the one that writes files and is watched; torchrun has said it from the start."""
    return int(os.environ.get("RANK", "0")) == 0


@contextmanager
def process_group() -> Iterator[torch.device]:
    """Join the processes that torchrun started, where it did; the device that this one computes on.

    Raises `TrainingError` when another process of the group is lost.
    """
    device = default_device()
    if "RANK" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    _hosts.append(distributed.new_group(backend="gloo", timeout=_PATIENCE))
    before = signal.signal(signal.SIGTERM, _stop)  # sent by torchrun when one of the others ends
    try:
        yield device
    except RuntimeError as error:
        if not any(text in str(error).lower() for text in _LOST):
            raise
        before = signal.SIG_IGN  # torchrun ends the others of a lost one: not before they have said why
        raise _lost() from error
    finally:
        signal.signal(signal.SIGTERM, before)
        _hosts.clear()
        distributed.destroy_process_group()


def _stop(_: int, frame: FrameType | None) -> None:
    raise _lost()


def _lost() -> TrainingError:
    return TrainingError(
        "Another process of this training has ended. Look at what it said, and repeat the command: it resumes."
    )


def in_parallel(network: nn.Module, device: torch.device) -> nn.Module:
    """The network, its gradients averaged over the processes in the backward pass."""
    if this_part() == WHOLE or is_sharded(network):
        return network
    ids = [device] if device.type == "cuda" else None
    parallel = DistributedDataParallel(network, device_ids=ids)
    parallel.broadcast_buffers = False  # agree_on_buffers is enough; its argument is renamed from 2.13 on
    return parallel


def without_exchange(network: nn.Module, *, local: bool) -> AbstractContextManager[object]:
    """Keep the gradients of a backward pass to this process, where `local`."""
    return network.no_sync() if local and isinstance(network, DistributedDataParallel) else nullcontext()


def summed(number: Tensor) -> Tensor:
    """The sum over all processes, in place."""
    if this_part() != WHOLE:
        distributed.all_reduce(number)
    return number


def gathered(item: Any) -> list[Any]:
    """Every process's item, in the order of the processes."""
    part = this_part()
    if part == WHOLE:
        return [item]
    items: list[Any] = [None] * part.world_size
    distributed.all_gather_object(items, item, _hosts[0])
    return items


def anyone(yes: bool) -> bool:  # noqa: FBT001
    """Whether any of the processes says yes."""
    if this_part() == WHOLE:
        return yes
    number = torch.tensor(int(yes))
    distributed.all_reduce(number, distributed.ReduceOp.MAX, _hosts[0])
    return bool(number)


def agree_on_buffers(network: nn.Module) -> None:
    """Give every process the first one's buffers: statistics of batch norms differ between parts of a batch."""
    if this_part() != WHOLE:
        for buffer in network.buffers():
            distributed.broadcast(buffer, 0)


def wait_for_all() -> None:
    """Go on when every process is here."""
    if this_part() != WHOLE:
        distributed.barrier(_hosts[0])
