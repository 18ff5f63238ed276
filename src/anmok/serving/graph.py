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

_ATTENTION = torch.ops.aten.scaled_dot_product_attention.default


def translate(
    network: nn.Module, example: Tensor, input_name: str, *, dynamic_size: bool = False
) -> torch.onnx.ONNXProgram:
    """The graph of a network in eval mode, for batches of any size of images of the example's shape.

    The example holds two or more images. With `dynamic_size` their height and width are left open too; the graph
    then does at every size what the network does at the example's: show one that needs what others may need, such as
    padding. Attention is taken apart first, because the exporter's own rule for it knows four axes only. Raises
    `OnnxExporterError` for what ONNX has no operators for.
    """
    names = {0: "batch", 2: "height", 3: "width"} if dynamic_size else {0: "batch"}
    free = {axis: torch.export.Dim.AUTO if dynamic_size else torch.export.Dim(name) for axis, name in names.items()}
    with quiet(), sdpa_kernel(SDPBackend.MATH):
        graph = torch.export.export(network, (example,), dynamic_shapes=(free,))
        if any(node.target is _ATTENTION for node in graph.graph.nodes):  # a pass over the graph takes seconds
            graph = graph.run_decompositions({_ATTENTION: _attend})
        program = torch.onnx.export(
            graph,
            (),
            dynamo=True,
            verbose=False,
            input_names=[input_name],
            output_names=["logits"],
            dynamic_shapes=(names,),
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program.")
    return program


def _attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    *rest: object,
    scale: float | None = None,
    **more: object,
) -> Tensor:
    """softmax(q kᵀ scale + mask) v, and no more: PyTorch's own form looks for rows that are masked whole.

    That search costs a tenth of a transformer's time, and keeps other programs from knowing the pattern.
    """
    if any(rest) or any(more.values()) or (mask is not None and mask.dtype is torch.bool):
        plain = torch.export.default_decompositions()[_ATTENTION]
        return plain(q, k, v, mask, *rest, scale=scale, **more)
    scores = q * (q.shape[-1] ** -0.5 if scale is None else scale) @ k.transpose(-2, -1)
    return (scores if mask is None else scores + mask).softmax(-1) @ v


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
