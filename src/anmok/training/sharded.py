"""Weights of which every process keeps a part (FSDP2), and what is to be known of such tensors."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh

from anmok.errors import RequestError

_CONTAINERS = (nn.ModuleList, nn.Sequential)


def share_out(network: nn.Module, device: torch.device) -> None:
    """Leave each process its part of every parameter; a block has the whole of its own while it computes.

    Raises `RequestError` where the network has a parameter that cannot be parted.
    """
    scalars = [name for name, p in network.named_parameters() if p.ndim == 0]
    if scalars:
        raise RequestError(f"A parameter without axes cannot be sharded: got '{scalars[0]}'. Leave shard out.")
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    mesh = init_device_mesh(device.type, (distributed.get_world_size(),))
    for block in (*find_blocks(network), network):
        fully_shard(block, mesh=mesh)
    if hasattr(network, "training_logits"):
        register_fsdp_forward_method(network, "training_logits")


def find_blocks(network: nn.Module) -> Iterator[nn.Module]:
    """The elements of a network's outermost lists and sequences; of a stage that has `blocks`, those."""
    for part in network.children():
        yield from _elements(part) if isinstance(part, _CONTAINERS) else find_blocks(part)


def is_sharded(network: nn.Module) -> bool:
    """Whether a network has been shared out."""
    return any(_is_part(p) for p in network.parameters())


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor. Where processes have parts of it, they exchange them: each must ask."""
    part: Any = tensor
    return part.full_tensor() if _is_part(tensor) else tensor


def part_like(tensor: Tensor, other: Any) -> Tensor:
    """The part of a whole tensor that the other one is of its own, on its device."""
    tensor = tensor.to(other.device)
    if not _is_part(other):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, other.device_mesh, other.placements, src_data_rank=None)


def own(tensors: Iterable[Any]) -> list[Tensor]:
    """Of each tensor what lies in this process, sharing its memory."""
    return [tensor.to_local() if _is_part(tensor) else tensor for tensor in tensors]


def norms(parts: list[Tensor], other: Any) -> Sequence[Tensor]:
    """The Euclidean norm of each whole tensor, from this process's parts; they lie as the other tensor does."""
    mine = torch._foreach_norm(parts)
    if not _is_part(other):
        return mine
    squares = torch.stack(mine).square()
    distributed.all_reduce(squares, group=other.device_mesh.get_group())
    return squares.sqrt().unbind()


def _is_part(tensor: Tensor) -> bool:
    """Whether it is a DTensor; asked in a way that does not take the second that their module takes to be imported."""
    return hasattr(tensor, "full_tensor")


def _elements(container: nn.Module) -> Iterator[nn.Module]:
    for part in container.children():
        inner = part if isinstance(part, _CONTAINERS) else getattr(part, "blocks", None)
        if isinstance(inner, _CONTAINERS):
            yield from _elements(inner)
        elif any(p.ndim > 1 for p in part.parameters()):  # a lone norm is not worth an exchange
            yield part
