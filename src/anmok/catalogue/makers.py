"""What makes networks from elsewhere, whoever it is."""

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from torch import nn

from anmok.errors import RequestError, SpecError

# What other people's code raises. MemoryError is missing, and so is what ends a program.
FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


class Wishes(NamedTuple):
    """What a network is to be."""

    num_classes: int
    in_chans: int
    img_size: tuple[int, int]
    drop_rate: float
    drop_path_rate: float
    pretrained: bool

    @property
    def keywords(self) -> dict[str, Any]:
        """In timm's words; what is as usual is left out, but for the image size."""
        height, width = self.img_size
        usual = {"in_chans": 3, "drop_rate": 0.0, "drop_path_rate": 0.0, "pretrained": False}
        unusual = {name: value for name, value in self._asdict().items() if value != usual.get(name)}
        return unusual | {"img_size": height if height == width else (height, width)}


class Maker(ABC):
    """Makes the networks of one name."""

    size: int | None = None  # pixels of a side that they are usually made for, where it is known
    num_classes: int = 1000  # of its own weights

    @abstractmethod
    def make(self, wishes: Wishes) -> nn.Module:
        """A network; raises what the other side raises."""

    def preprocessing(self) -> dict[str, Any]:
        """What the images of its own weights had done to them, in timm's words; what is not known is missing."""
        return {}


def reason(error: BaseException) -> str:
    """What an exception says, on one line."""
    first = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def require_package(package: str, name: str) -> ModuleType:
    """Import a package that a name asks for; raises `RequestError` where that fails."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name == package:
            raise RequestError(f"'{name}' needs {package}: run `pip install {package}` and repeat.") from None
        raise RequestError(f"'{name}' needs {package}, which needs {error.name}. Install that too.") from error
    except FAULTS as error:
        raise RequestError(f"'{name}' needs {package}, which cannot be imported ({reason(error)}).") from error


def call_with(make: Callable[..., Any], keywords: dict[str, Any], name: str) -> Any:
    """Call with the keywords; without the image size where it has no such parameter, as most CNNs have none."""
    try:
        return make(**keywords)
    except TypeError as error:
        match = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        refused = match[1] if match else ""
        if refused not in keywords:
            raise
        if refused != "img_size":
            raise no_parameter(name, refused, keywords[refused]) from error
    return call_with(make, {wish: value for wish, value in keywords.items() if wish != "img_size"}, name)


def no_parameter(name: str, wish: str, value: object) -> SpecError:
    """A wish that whoever makes the network has no parameter for."""
    return SpecError(f"'{name}' has no parameter {wish}: got {wish}={value}. Add it there, or leave it out here.")
