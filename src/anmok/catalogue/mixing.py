"""What a network mixes the places of an image with, seen from what it computes."""

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from anmok.backbone import Kind
from anmok.shapes import Images

_PRODUCTS = (torch.ops.aten.bmm, torch.ops.aten.baddbmm)
_CONVOLUTIONS = (torch.ops.aten.convolution, torch.ops.aten._convolution)


@torch.no_grad()
def measure_kind(network: nn.Module, images: Images) -> Kind:
    """The kind that the operators of one pass over two or more images speak for; the names of modules say nothing.

    A batched product of two tensors that both come of the images is attention: the images themselves say how their
    places are weighed. A convolution mixes places where its kernel is larger than its step; beside attention the
    first of all is the patch embedding and does not count. What has neither is an MLP, and so are networks that mix
    by other means, such as Fourier transforms.
    """
    fastpath = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), _Listener(images) as heard:
            network(images)
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
    if heard.attention:
        return Kind.HYBRID if any(heard.overlaps[1:]) else Kind.TRANSFORMER
    return Kind.CNN if any(heard.overlaps) else Kind.MLP


class _Listener(TorchDispatchMode):
    """Hears every operator; fused attention must have been taken apart before."""

    def __init__(self, images: Images) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.attention = False
        self.overlaps: list[bool] = []  # of each convolution, whether its kernel is larger than its step
        self._derived: set[int] = set()  # live storages of what comes of the images
        self._note([images])

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        derived = [x.untyped_storage()._cdata in self._derived for x in _tensors((args, kwargs))]
        if func.overloadpacket in _PRODUCTS:
            self.attention |= all(derived[-2:])  # the first of three is what the product is added to
        elif func.overloadpacket in _CONVOLUTIONS and args[1].ndim == 4:
            self.overlaps.append(any(k > step for k, step in zip(args[1].shape[2:], args[3], strict=True)))
        result = func(*args, **(kwargs or {}))
        if any(derived):
            self._note(_tensors(result))
        return result

    def _note(self, tensors: Iterable[Tensor]) -> None:
        for storage in (tensor.untyped_storage() for tensor in tensors):
            if storage._cdata not in self._derived:
                self._derived.add(storage._cdata)
                weakref.finalize(storage, self._derived.discard, storage._cdata)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
