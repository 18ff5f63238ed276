"""What modules take and give while a network runs, and other things put in the place of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from anmok.capture.layout import as_tensor
from anmok.layers import TokenGrid


@contextmanager
def watching(modules: Mapping[str, nn.Module], look: Callable[[str, Any, Any], Any]) -> Iterator[None]:
    """Tell `look` the name of a module that ran, what it took and what it gave.

    What `look` returns takes the place of the output, unless it is None. What was taken is a copy without graph, a
    `TokenGrid` or a tensor, because some modules write into their input.
    """
    taken: dict[str, Any] = {}

    def before(name: str, module: nn.Module, inputs: Sequence[Any]) -> None:
        taken[name] = _copy(inputs)

    def after(name: str, module: nn.Module, inputs: Sequence[Any], output: Any) -> Any:
        return look(name, taken.pop(name), output)

    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.callback(module.register_forward_pre_hook(partial(before, name)).remove)
            hooks.callback(module.register_forward_hook(partial(after, name)).remove)
        yield


def in_place_of(output: Any, tensor: Tensor) -> Any:
    """An output like the given one, whose tensor (see `as_tensor`) is another."""
    if isinstance(output, TokenGrid):
        return output._replace(tokens=tensor)
    if isinstance(output, tuple | list):
        rest = (in_place_of(output[0], tensor), *output[1:])
        return rest if isinstance(output, tuple) else list(rest)
    return tensor


def keeps_shape(taken: Any, given: Any) -> bool:
    """Whether what a module gave has the shape of what it took."""
    x, y = as_tensor(taken), as_tensor(given)
    return x is not None and y is not None and x.shape == y.shape


def _copy(inputs: Sequence[Any]) -> Any:
    first = inputs[0] if inputs else None
    x = as_tensor(first)
    if x is None:
        return None
    copy = x.detach().clone()
    return first._replace(tokens=copy) if isinstance(first, TokenGrid) else copy
