"""Ways to run one trained network: the same answers, other kernels."""

import copy
import importlib.util
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from anmok.serving.graph import Session, translate
from anmok.serving.openvino_run import OpenVinoRun, can_quantize, quantize, read_graph
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
    OPENVINO_INT8 = "openvino-int8"  # ranges set by calibration images, what must stay exact in bfloat16


def available_paths(device: torch.device, *, calibrated: bool = False) -> list[FastPath]:
    """What is installed; torch.compile takes a minute on a CPU and is left out there, if OpenVINO is at hand."""
    paths = [FastPath.EAGER, FastPath.FOLDED, FastPath.FOLDED_BF16]
    if device.type != "cpu":
        return [*paths, FastPath.COMPILED, FastPath.COMPILED_BF16]
    if importlib.util.find_spec("openvino") is None:
        paths += [FastPath.COMPILED, FastPath.COMPILED_BF16]
    else:
        paths += [FastPath.OPENVINO, FastPath.OPENVINO_BF16]
    if calibrated and can_quantize():
        paths.append(FastPath.OPENVINO_INT8)
    return paths if importlib.util.find_spec("onnxruntime") is None else [*paths, FastPath.ONNXRUNTIME]


def prepare_paths(
    network: nn.Module, images: Images, paths: Iterable[FastPath], calibration: Tensor | None = None
) -> dict[FastPath, Run]:
    """Each path, ready to run and fastest on batches of the images' shape; `network`, in eval mode, stays as it is."""
    graph = cache(lambda: _onnx(network, images))
    model = cache(lambda: read_graph(graph()))
    prepare: dict[FastPath, Callable[[], Run]] = {
        FastPath.EAGER: lambda: copy.deepcopy(network).eval(),
        FastPath.ONNXRUNTIME: lambda: _onnxruntime(graph()),
        FastPath.OPENVINO: lambda: OpenVinoRun(model(), precision="f32", images=images),
        FastPath.OPENVINO_BF16: lambda: OpenVinoRun(model(), precision="bf16", images=images),
    }
    if calibration is not None:
        prepare[FastPath.OPENVINO_INT8] = lambda: OpenVinoRun(
            quantize(model(), calibration), precision="bf16", images=images
        )
    return {path: prepare.get(path, lambda path=path: _torch(network, path))() for path in paths}


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
    return lambda images: torch.from_numpy(session(images.numpy()))
