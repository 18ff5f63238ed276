"""Ways to run one trained network: the same answers, other kernels."""

import copy
import importlib.util
import io
from collections.abc import Callable, Iterable
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from anmok.serving.graph import Session, translate
from anmok.shapes import Images, Logits

Run = Callable[[Images], Logits]


class FastPath(StrEnum):
    """How a network is run."""

    EAGER = "eager"
    FOLDED = "folded"  # batch norms in their convolutions, channels last
    FOLDED_BF16 = "folded-bf16"  # and bfloat16 where autocast allows
    COMPILED = "compiled"  # torch.compile, weights frozen
    COMPILED_BF16 = "compiled-bf16"
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"
    OPENVINO_BF16 = "openvino-bf16"


def available_paths(device: torch.device) -> list[FastPath]:
    """What is installed; torch.compile takes a minute on a CPU and is left out there, if OpenVINO is at hand."""
    paths = [FastPath.EAGER, FastPath.FOLDED, FastPath.FOLDED_BF16]
    if device.type != "cpu":
        return [*paths, FastPath.COMPILED, FastPath.COMPILED_BF16]
    if importlib.util.find_spec("openvino") is None:
        paths += [FastPath.COMPILED, FastPath.COMPILED_BF16]
    else:
        paths += [FastPath.OPENVINO, FastPath.OPENVINO_BF16]
    return paths if importlib.util.find_spec("onnxruntime") is None else [*paths, FastPath.ONNXRUNTIME]


def prepare_paths(network: nn.Module, images: Images, paths: Iterable[FastPath]) -> dict[FastPath, Run]:
    """Each path, ready to run on batches of the images' shape; `network`, in eval mode, stays as it is."""
    graph: bytes | None = None
    ready: dict[FastPath, Run] = {}
    for path in paths:
        if path in (FastPath.ONNXRUNTIME, FastPath.OPENVINO, FastPath.OPENVINO_BF16):
            graph = graph or _onnx(network, images)
            ready[path] = _onnxruntime(graph) if path is FastPath.ONNXRUNTIME else _openvino(graph, path)
        elif path is FastPath.EAGER:
            ready[path] = copy.deepcopy(network).eval()
        else:
            ready[path] = _torch(network, path)
    return ready


def fold_norms(network: nn.Module) -> nn.Module:
    """A copy in eval mode whose batch norms that directly follow a convolution are part of it."""
    folded = copy.deepcopy(network).eval()
    for sequence in [m for m in folded.modules() if isinstance(m, nn.Sequential)]:
        parts = list(sequence.named_children())
        for (first, conv), (second, norm) in pairwise(parts):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(sequence, first, fuse_conv_bn_eval(conv, norm))
                setattr(sequence, second, nn.Identity())
    return folded


def _torch(network: nn.Module, path: FastPath) -> Run:
    bf16 = path in (FastPath.FOLDED_BF16, FastPath.COMPILED_BF16)
    folded: Any = fold_norms(network)
    folded = folded.to(memory_format=torch.channels_last)
    if path in (FastPath.COMPILED, FastPath.COMPILED_BF16):
        folded = torch.compile(folded, fullgraph=True, options={"freezing": True})

    def run(images: Images) -> Logits:
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
            return folded(images).float()

    return run


def _onnx(network: nn.Module, images: Images) -> bytes:
    program = translate(network, images[:1].repeat(2, 1, 1, 1), "images")
    return program.model_proto.SerializeToString()


def _onnxruntime(graph: bytes) -> Run:
    session = Session(graph, threads=torch.get_num_threads())
    return lambda images: _tensor(session(images.numpy()))


def _openvino(graph: bytes, path: FastPath) -> Run:
    import openvino

    precision = "bf16" if path is FastPath.OPENVINO_BF16 else "f32"
    wishes = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(graph)), "CPU", wishes)
    return lambda images: _tensor(compiled([images.numpy()])[0])


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array))
