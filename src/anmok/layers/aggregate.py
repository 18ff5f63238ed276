"""What the members of each group say together, at a cost that is linear in the members: no matrix of groups.

On CUDA, members are added in any order, so that the last bits of a sum differ from run to run.
"""

from enum import StrEnum

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Aggregation(StrEnum):
    """A function of a set: it gives the same in every order, and takes sets of any size."""

    SUM = "sum"
    MEAN = "mean"
    MAX = "max"


def aggregate(
    values: Float[Tensor, "m d"], group: Int[Tensor, " m"], count: int, how: Aggregation
) -> Float[Tensor, "{count} d"]:
    """Sum, mean or maximum of each group's rows; zeros for a group that has none. Half precision is summed in full."""
    kind = torch.promote_types(values.dtype, torch.float32)
    nothing = values.new_zeros(count, values.shape[1], dtype=kind)
    if how is Aggregation.MAX:
        place = group[:, None].expand_as(values)
        return nothing.scatter_reduce(0, place, values.to(kind), "amax", include_self=False)
    total = nothing.index_add(0, group, values.to(kind))
    return total / sizes(group, count).clamp(min=1)[:, None] if how is Aggregation.MEAN else total


def sizes(group: Int[Tensor, " m"], count: int) -> Int[Tensor, " {count}"]:
    """How many members each group has."""
    return torch.zeros(count, dtype=group.dtype, device=group.device).index_add(0, group, torch.ones_like(group))
