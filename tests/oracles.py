"""Independent implementations to compare with; a test that needs one is skipped where it is not installed."""

import importlib
from types import ModuleType

import pytest


def reference(name: str) -> ModuleType:
    """Import timm, torchvision or transformers beside a CPU build of torch.

    PyPI's torchvision is linked against CUDA, so its operators are missing here, and registering their
    shape rules at import fails. Declaring the two that it asks for is enough: no test calls them.
    """
    if name == "transformers":
        reference("torchvision")  # which it imports, without declaring operators
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    except ImportError:
        pytest.skip(f"{name} is not installed: pip install -c constraints.txt 'anmok[oracle]'")
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)
    return importlib.import_module(name)


_declared: list[object] = []  # a Library takes its declarations back when it is collected
