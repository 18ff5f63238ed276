"""Which multiply-adds of a network are attention's own products: counted, whoever wrote the attention."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from anmok.backbone.evaluating import evaluating
from anmok.evaluation.cost import attention_apart
from anmok.shapes import Images

_PRODUCTS = {torch.ops.aten.mm, torch.ops.aten.addmm, torch.ops.aten.bmm, torch.ops.aten.baddbmm}


class MacSplit(NamedTuple):
    """Multiply-adds of one forward pass."""

    total: int  # as `count_macs` counts
    attention: int  # of products whose two factors both follow from the images, as queries, keys and values do
    tokens: int  # rows of the longest such product: queries of one attention; 0 without

    @property
    def rest(self) -> int:
        """What has weights on one side: projections, MLPs, convolutions."""
        return self.total - self.attention


@torch.no_grad()
def split_macs(network: nn.Module, images: Images) -> MacSplit:
    """Count attention's products apart from all others.

    They are told by where their factors come from, not by the name of a module: a product with weights, or with
    anything that does not depend on the images, belongs to the rest.
    """
    with evaluating(network), attention_apart(), FlopCounterMode(display=False) as counter, _Lineage(images) as seen:
        network(images)
    return MacSplit(counter.get_total_flops() // 2, seen.macs, seen.tokens)


class _Lineage(TorchDispatchMode):
    """Follows what was made of the images, memory by memory, and counts the products of two such tensors."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs = 0
        self.tokens = 0
        self._made: WeakSet[torch.UntypedStorage] = WeakSet([images.untyped_storage()])

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        run: Callable[..., Any] = func
        result = run(*args, **(kwargs or {}))
        if func.overloadpacket in _PRODUCTS:
            self._count(*(x for x in args if isinstance(x, Tensor)))
        if any(self._follows(x) for x in tree_leaves((args, kwargs))):
            self._made.update(x.untyped_storage() for x in tree_leaves(result) if isinstance(x, Tensor))
        return result

    def _count(self, *tensors: Tensor) -> None:
        left, right = tensors[-2:]
        if self._follows(left) and self._follows(right):
            self.macs += left.numel() * right.shape[-1]
            self.tokens = max(self.tokens, left.shape[-2])

    def _follows(self, x: Any) -> bool:
        return isinstance(x, Tensor) and x.untyped_storage() in self._made
