"""Networks -> ONNX graphs -> answers."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Shaped
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel


def translate(network: nn.Module, example: Tensor, input_name: str) -> torch.onnx.ONNXProgram:
    """The graph of a network in eval mode, for batches of any size of images of the example's shape.

    The example holds two or more images. Attention is taken apart first, because the exporter's own rule for it
    knows four axes only. Raises `OnnxExporterError` for what ONNX has no operators for.
    """
    batch = ({0: torch.export.Dim("batch")},)
    attention = torch.ops.aten.scaled_dot_product_attention.default
    with quiet(), sdpa_kernel(SDPBackend.MATH):
        graph = torch.export.export(network, (example,), dynamic_shapes=batch)
        graph = graph.run_decompositions({attention: torch.export.default_decompositions()[attention]})
        program = torch.onnx.export(
            graph,
            (),
            dynamo=True,
            verbose=False,
            input_names=[input_name],
            output_names=["logits"],
            dynamic_shapes=batch,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program.")
    return program


class Session:
    """A graph, in a file or in memory, run by onnxruntime on a CPU."""

    def __init__(self, graph: Path | bytes, *, threads: int = 1) -> None:
        import onnxruntime  # here, where it is known to be installed

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors only
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        (self._input,) = self._session.get_inputs()

    def __call__(self, images: Shaped[np.ndarray, "b c h w"]) -> Float32[np.ndarray, "b k"]:
        """The logits."""
        return self._session.run(None, {self._input.name: images})[0]


@contextmanager
def quiet() -> Iterator[None]:
    """The exporter's notes on its own internals kept from the user."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
