"""OpenVINO on a CPU: a graph compiled for batches of one shape, in float or in int8."""

import contextlib
import importlib.util
import io
import logging
import os
from typing import Any

import numpy as np
import torch

from anmok.shapes import Images, Logits


class OpenVinoRun:
    """A graph as OpenVINO runs it: fastest for one number of images, and compiled once more when another is met."""

    def __init__(self, model: Any, *, precision: str, images: Images) -> None:
        self._model, self._precision, self._shape = model, precision, list(images.shape)
        fixed = model.clone()
        fixed.reshape(self._shape)  # up to a tenth faster than with an open axis
        self._fixed = self._compile(fixed)
        self._open: Any = None

    def __call__(self, images: Images) -> Logits:
        """The logits."""
        if list(images.shape) == self._shape:
            return self._answer(self._fixed, images)
        self._open = self._open or self._compile(self._model)
        return self._answer(self._open, images)

    def _compile(self, model: Any) -> Any:
        import openvino

        wishes = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self._precision,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        return openvino.Core().compile_model(model, "CPU", wishes)

    @staticmethod
    def _answer(compiled: Any, images: Images) -> Logits:
        return torch.from_numpy(np.array(compiled([images.contiguous().numpy()])[0]))


def read_graph(graph: bytes) -> Any:
    """OpenVINO's model of an ONNX graph."""
    import openvino

    return openvino.Core().read_model(io.BytesIO(graph))


def can_quantize() -> bool:
    """Whether the packages for int8 are installed."""
    return all(importlib.util.find_spec(name) for name in ("openvino", "nncf"))


def quantize(model: Any, images: Images) -> Any:
    """The model with int8 weights (a scale for each channel) and activations (ranges: those of the images).

    With attention, as NNCF advises: what softmax needs exact stays in float, and the scales of activations and
    weights are evened out first (Xiao et al. 2022, SmoothQuant, arXiv:2211.10438).
    """
    os.environ.setdefault("NNCF_CI", "1")  # or it reports its use to its makers
    import nncf

    nncf.set_log_level(logging.ERROR)
    attends = any(operation.get_type_name() == "Softmax" for operation in model.get_ops())
    with contextlib.redirect_stdout(io.StringIO()):  # of progress bars
        return nncf.quantize(
            model.clone(),
            nncf.Dataset([image[None].numpy() for image in images]),
            preset=nncf.QuantizationPreset.MIXED,
            model_type=nncf.ModelType.TRANSFORMER if attends else None,
            subset_size=len(images),
        )
